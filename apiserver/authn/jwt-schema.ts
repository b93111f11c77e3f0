// The form of an AuthenticationConfiguration. What it may say: jwt-validation.ts; what it means: jwt-config.ts.
import { s, type TypeOf } from '../../machinery/schema.ts';

const name = 'io.k8s.apiserver.config.v1';
const text = (doc: string) => s.string(doc, { pointer: true });

const prefixedClaim = s.object(`${name}.PrefixedClaimOrExpression`, 'A claim, or an expression.', {
  claim: s.string('Name of the claim.'),
  prefix: text('Goes before what the claim says.'),
  expression: s.string('CEL over `claims`.'),
});
export type PrefixedClaim = TypeOf<typeof prefixedClaim>;

const claimOrExpression = s.object(`${name}.ClaimOrExpression`, 'A claim, or an expression.', {
  claim: s.string('Name of the claim.'),
  expression: s.string('CEL over `claims`.'),
});

const mappings = s.object(`${name}.ClaimMappings`, 'What claims say of the user.', {
  username: s.field(prefixedClaim, 'The name.'),
  groups: s.field(prefixedClaim, 'The groups.'),
  uid: s.field(claimOrExpression, 'The id.'),
  extra: s.list(
    s.object(`${name}.ExtraMapping`, 'More about the user.', {
      key: s.string('Under which key, domain/path.'),
      valueExpression: s.string('CEL over `claims`: a string or strings.'),
    }),
    'More about the user.',
  ),
});

const claimRule = s.object(`${name}.ClaimValidationRule`, 'What a claim must say.', {
  claim: s.string('Name of the claim.'),
  requiredValue: s.string('What it must be.'),
  expression: s.string('CEL over `claims` that must be true.'),
  message: s.string('Said when it is not.'),
});

const userRule = s.object(`${name}.UserValidationRule`, 'What the user must be.', {
  expression: s.string('CEL over `user` that must be true.'),
  message: s.string('Said when it is not.'),
});

const issuer = s.object(`${name}.Issuer`, 'Who signs.', {
  url: s.string('The issuer as tokens name it.'),
  discoveryURL: text('Where its discovery document is, if not below the url.'),
  certificateAuthority: s.string('CA of the issuer (PEM); without it those of the system.'),
  audiences: s.list(s.string(''), 'A token must be for one of them.'),
  audienceMatchPolicy: s.string('MatchAny.'),
  egressSelectorType: s.any('', 'Not supported.'),
});

const jwt = s.object(`${name}.JWTAuthenticator`, 'An issuer and its tokens.', {
  issuer: s.field(issuer, 'Who signs.'),
  claimValidationRules: s.list(claimRule, 'What claims must say.'),
  claimMappings: s.field(mappings, 'What claims say of the user.'),
  userValidationRules: s.list(userRule, 'What the user must be.'),
});
export type JwtConfig = TypeOf<typeof jwt>;

export const authenticationConfiguration = s.object(`${name}.AuthenticationConfiguration`, 'Who is believed.', {
  apiVersion: s.string('apiserver.config.k8s.io/v1'),
  kind: s.string('AuthenticationConfiguration'),
  jwt: s.list(jwt, 'Issuers of ID tokens.'),
  anonymous: s.object(`${name}.AnonymousAuthConfig`, 'Requests without credentials.', {
    enabled: s.boolean('Whether they are let through.', { always: true }),
    conditions: s.list(
      s.object(`${name}.AnonymousAuthCondition`, 'Where.', { path: s.string('A path, /livez.') }),
      'Only for these paths.',
    ),
  }),
});
export interface AuthenticationConfig extends TypeOf<typeof authenticationConfiguration> {}
