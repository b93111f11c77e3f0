// ID tokens of an OpenID Connect issuer. Upstream: apiserver's token/oidc.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
import { decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import { CredentialsError } from './authenticator.ts';
import type { ClaimMapping } from './claim-mapping.ts';
import type { OidcIssuer } from './oidc-issuer.ts';
import type { UserInfo } from './user.ts';

export interface OidcOptions {
  issuerUrl: string;
  /** A token must be for one of them. */
  audiences: readonly string[];
  algorithms: readonly string[];
  mapping: ClaimMapping;
}

/** The user of an ID token; undefined when it is none of this issuer's. Rejects with CredentialsError. */
export async function oidcUser(
  token: string,
  options: OidcOptions,
  { issuer, clock }: { issuer: OidcIssuer; clock: Clock },
): Promise<UserInfo | undefined> {
  if (issuerOf(token) !== options.issuerUrl) return undefined;
  let claims: JWTPayload;
  try {
    const verified = await jwtVerify(token, (header, jws) => issuer.keyOf(header, jws), {
      issuer: options.issuerUrl,
      audience: [...options.audiences],
      algorithms: [...options.algorithms],
      requiredClaims: ['exp'],
      currentDate: new Date(clock.now()),
    });
    claims = verified.payload;
  } catch (err) {
    throw new CredentialsError(`oidc: verify token: ${messageOf(err)}`, { cause: err });
  }
  return userOf(claims, options.mapping);
}

function userOf(claims: JWTPayload, mapping: ClaimMapping): UserInfo {
  const username = mapping.username(claims);
  const groups = mapping.groups(claims);
  const uid = mapping.uid?.(claims);
  const extra = mapping.extra?.(claims);
  mapping.checkClaims?.(claims);
  const user: UserInfo = {
    username,
    groups,
    ...(uid ? { uid } : {}),
    ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
  };
  mapping.checkUser?.(user);
  return user;
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined; // not a JWT
  }
}
