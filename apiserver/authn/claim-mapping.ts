// Who the claims of an ID token say it is: by the names of claims. By expressions: claim-expressions.ts.
import type { JWTPayload } from 'jose';
import { CredentialsError } from './authenticator.ts';
import type { UserInfo } from './user.ts';

export type Claims = JWTPayload;

/** Reads a part of a user out of claims. Throws CredentialsError. */
export interface ClaimMapping {
  username(claims: Claims): string;
  groups(claims: Claims): string[];
  uid?(claims: Claims): string;
  extra?(claims: Claims): Record<string, string[]>;
  /** What the claims must be besides. */
  checkClaims?(claims: Claims): void;
  /** What the user must be. */
  checkUser?(user: UserInfo): void;
}

/** The name in a claim. One in `email` counts only while it is not said to be unverified. */
export function usernameClaim(claim: string, prefix: string): ClaimMapping['username'] {
  const refuse = (why: string) => new CredentialsError(`oidc: parse username claims "${claim}": ${why}`);
  return (claims) => {
    const name = claims[claim];
    if (name === undefined) throw refuse('claim not present');
    if (typeof name !== 'string') throw refuse('it is no string');
    const verified = claims.email_verified;
    if (claim === 'email' && verified !== undefined && verified !== true) {
      throw new CredentialsError('oidc: email not verified');
    }
    return `${prefix}${name}`;
  };
}

/** The groups in a claim: a string or a list. */
export function groupsClaim(claim: string, prefix: string): ClaimMapping['groups'] {
  return (claims) => {
    const found = claims[claim];
    if (found === undefined || found === null) return [];
    const groups: unknown[] = Array.isArray(found) ? found : [found];
    if (!groups.every((group) => typeof group === 'string')) {
      throw new CredentialsError(`oidc: parse groups claim "${claim}": neither a string nor a list of strings`);
    }
    return groups.map((group) => `${prefix}${group}`);
  };
}

/** Throws unless the claim has the value. */
export function requireClaim(claims: Claims, claim: string, want: string): void {
  if (claims[claim] === want) return;
  const found = typeof claims[claim] === 'string' ? claims[claim] : JSON.stringify(claims[claim]);
  throw new CredentialsError(`oidc: required claim ${claim} value does not match. Got = ${found}, want = ${want}`);
}
