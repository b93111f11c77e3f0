// AuthenticationConfiguration (apiserver.config.k8s.io/v1): issuers of ID tokens with what their claims mean, and which
// paths nobody needs a name for.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration

import type { ConfigFileForm } from '../../machinery/config-file.ts';
import { type FieldError, forbidden, invalid, required } from '../../machinery/field-error.ts';
import { claimRules, textOf, textsOf, userRules } from './claim-expressions.ts';
import { type ClaimMapping, groupsClaim, requireClaim, usernameClaim } from './claim-mapping.ts';
import { type AuthenticationConfig, authenticationConfiguration, type JwtConfig } from './jwt-schema.ts';
import { validateJwt } from './jwt-validation.ts';
import type { OidcOptions } from './oidc.ts';
import { algorithms } from './oidc-flags.ts';

const maxIssuers = 64;

export const authenticationConfigForm: ConfigFileForm<AuthenticationConfig> = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  olderVersions: ['apiserver.config.k8s.io/v1beta1'],
  kind: 'AuthenticationConfiguration',
  schema: authenticationConfiguration,
  validate({ jwt: issuers = [], anonymous }) {
    const errors: FieldError[] = issuers.flatMap((one, i) =>
      validateJwt(one, { path: `jwt[${i}]`, before: issuers.slice(0, i) }),
    );
    if (issuers.length > maxIssuers)
      errors.push(invalid('jwt', issuers.length, `must have at most ${maxIssuers} items`));
    const conditions = anonymous?.conditions ?? [];
    if (conditions.length > 0 && !anonymous?.enabled) {
      errors.push(forbidden('anonymous.conditions', 'enabled should be set to true when conditions are defined'));
    }
    for (const [i, { path = '' }] of conditions.entries()) {
      if (path === '') errors.push(required(`anonymous.conditions[${i}].path`));
    }
    return errors;
  },
};

/** One issuer as it is asked; `ca`: PEM. */
export type JwtIssuer = OidcOptions & { ca?: Buffer; discoveryUrl?: string };

export function issuerOf(config: JwtConfig): JwtIssuer {
  const { url = '', discoveryURL, certificateAuthority, audiences = [] } = config.issuer ?? {};
  return {
    issuerUrl: url,
    audiences,
    algorithms,
    mapping: mappingOf(config),
    ...(certificateAuthority ? { ca: Buffer.from(certificateAuthority) } : {}),
    ...(discoveryURL ? { discoveryUrl: discoveryURL } : {}),
  };
}

function mappingOf({
  claimMappings = {},
  claimValidationRules = [],
  userValidationRules = [],
}: JwtConfig): ClaimMapping {
  const { username = {}, groups = {}, uid = {}, extra = [] } = claimMappings;
  const values = extra.map(({ key = '', valueExpression = '' }) => [key, textsOf(valueExpression, 'extra')] as const);
  const rules = claimRules(
    claimValidationRules.flatMap(({ expression, message }) => (expression ? [{ expression, message }] : [])),
  );
  const checkUser = userRules(userValidationRules.map(({ expression = '', message }) => ({ expression, message })));
  const byClaim = claimValidationRules.flatMap(({ claim, requiredValue = '' }) =>
    claim ? [{ claim, requiredValue }] : [],
  );
  return {
    username: username.expression
      ? textOf(username.expression, 'username')
      : usernameClaim(username.claim ?? '', username.prefix ?? ''),
    groups: groups.expression
      ? textsOf(groups.expression, 'groups')
      : groups.claim
        ? groupsClaim(groups.claim, groups.prefix ?? '')
        : () => [],
    ...(uid.expression ? { uid: textOf(uid.expression, 'uid') } : {}),
    ...(uid.claim ? { uid: usernameClaim(uid.claim, '') } : {}),
    extra: (claims) =>
      Object.fromEntries(
        values.map(([key, read]) => [key, read(claims)] as const).filter(([, list]) => list.length > 0),
      ),
    checkClaims(claims) {
      for (const { claim, requiredValue } of byClaim) requireClaim(claims, claim, requiredValue);
      rules(claims);
    },
    checkUser,
  };
}
