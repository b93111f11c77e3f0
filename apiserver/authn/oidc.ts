// ID tokens of an OpenID Connect issuer. Upstream: apiserver's token/oidc.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
import { decodeJwt, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
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
    claims = await verify(token, issuer, {
      issuer: options.issuerUrl,
      audience: [...options.audiences],
      algorithms: [...options.algorithms],
      requiredClaims: ['exp'],
      currentDate: new Date(clock.now()),
    });
  } catch (err) {
    throw new CredentialsError(`oidc: verify token: ${messageOf(err)}`, { cause: err });
  }
  return userOf(claims, options.mapping);
}

/** Another key than before may be called as it says, or the keys have no names: they are asked for once more. */
async function verify(token: string, issuer: OidcIssuer, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return await verifyNow(token, issuer, options);
  } catch (err) {
    const isOther = err instanceof errors.JWSSignatureVerificationFailed || err instanceof errors.JWKSNoMatchingKey;
    if (!isOther) throw err;
    await issuer.renew();
    return verifyNow(token, issuer, options);
  }
}

/** The claims of a token that one of the issuer's keys has signed: several may be called as it says, or none have names. */
async function verifyNow(token: string, issuer: OidcIssuer, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, (header, jws) => issuer.keyOf(header, jws), options)).payload;
  } catch (err) {
    if (!(err instanceof errors.JWKSMultipleMatchingKeys)) throw err;
    for await (const key of err) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        const isOther = failure instanceof TypeError || failure instanceof errors.JWSSignatureVerificationFailed;
        if (!isOther) throw failure; // a TypeError: a key that cannot have signed it, as a short one
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
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
