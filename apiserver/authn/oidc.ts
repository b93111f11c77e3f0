// ID tokens of an OpenID Connect issuer. Upstream: apiserver's token/oidc.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
import { decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../machinery/clock.ts';
import { CredentialsError } from './authenticator.ts';
import type { OidcIssuer } from './oidc-issuer.ts';
import type { UserInfo } from './user.ts';

export interface OidcOptions {
  issuerUrl: string;
  clientId: string;
  usernameClaim: string;
  /** Undefined: the issuer and `#`, but for email; `-`: none. */
  usernamePrefix?: string;
  groupsClaim?: string;
  groupsPrefix: string;
  /** What claims must say. */
  required: Readonly<Record<string, string>>;
  algorithms: readonly string[];
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
      audience: options.clientId,
      algorithms: [...options.algorithms],
      requiredClaims: ['exp'],
      currentDate: new Date(clock.now()),
    });
    claims = verified.payload;
  } catch (err) {
    throw new CredentialsError(`oidc: verify token: ${err instanceof Error ? err.message : String(err)}`, {
      cause: err,
    });
  }
  for (const [claim, want] of Object.entries(options.required)) {
    if (claims[claim] !== want) {
      throw new CredentialsError(`oidc: required claim ${claim} value does not match. Got = ${String(claims[claim])}`);
    }
  }
  return { username: usernameOf(claims, options), groups: groupsOf(claims, options) };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined; // not a JWT
  }
}

function usernameOf(claims: JWTPayload, { usernameClaim, usernamePrefix, issuerUrl }: OidcOptions): string {
  const name = claims[usernameClaim];
  if (name === undefined)
    throw new CredentialsError(`oidc: parse username claims "${usernameClaim}": claim not present`);
  if (typeof name !== 'string') {
    throw new CredentialsError(`oidc: parse username claims "${usernameClaim}": it is no string`);
  }
  const isEmail = usernameClaim === 'email';
  const verified = claims.email_verified;
  if (isEmail && verified !== undefined && verified !== true) throw new CredentialsError('oidc: email not verified');
  const prefix = usernamePrefix === '-' ? '' : (usernamePrefix ?? (isEmail ? '' : `${issuerUrl}#`));
  return `${prefix}${name}`;
}

function groupsOf(claims: JWTPayload, { groupsClaim, groupsPrefix }: OidcOptions): string[] {
  const found = groupsClaim === undefined ? undefined : claims[groupsClaim];
  if (found === undefined || found === null) return [];
  const groups: unknown[] = Array.isArray(found) ? found : [found];
  if (!groups.every((group) => typeof group === 'string')) {
    throw new CredentialsError(`oidc: parse groups claim "${groupsClaim}": neither a string nor a list of strings`);
  }
  return groups.map((group) => `${groupsPrefix}${group}`);
}
