// The flags of an OpenID Connect issuer, named as kube-apiserver's.
import { readFileSync } from 'node:fs';
import { FlagError, type Flags, type FlagTable, flag } from '../../machinery/flags.ts';
import { groupsClaim, requireClaim, usernameClaim } from './claim-mapping.ts';
import type { OidcOptions } from './oidc.ts';

export const oidcFlags = {
  'oidc-issuer-url': flag.string('Issuer of ID tokens, an https:// address.'),
  'oidc-client-id': flag.string('The client that ID tokens must be for.'),
  'oidc-ca-file': flag.string('CA of the issuer (PEM file); without it those of the system.'),
  'oidc-username-claim': flag.string('Claim with the name of the user.', { default: 'sub' }),
  'oidc-username-prefix': flag.string(
    'Goes before names; "-" for none. Not given: the issuer and "#", unless the claim is email.',
  ),
  'oidc-groups-claim': flag.string('Claim with the groups of the user: a string or a list.'),
  'oidc-groups-prefix': flag.string('Goes before groups.', { default: '' }),
  'oidc-required-claim': flag.list('Claims that a token must have: KEY=VALUE.', { default: [] }),
  'oidc-signing-algs': flag.list('Algorithms of signatures.', { default: ['RS256'] }),
} as const satisfies FlagTable;

export const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];

/** Undefined without an issuer. Throws FlagError for what makes no sense. */
export function readOidcOptions(flags: Flags<typeof oidcFlags>): (OidcOptions & { ca?: Buffer }) | undefined {
  const { 'oidc-issuer-url': issuerUrl, 'oidc-client-id': clientId, 'oidc-ca-file': caFile } = flags;
  if (!issuerUrl !== !clientId) throw new FlagError('oidc-issuer-url and oidc-client-id must be specified together');
  if (!issuerUrl || !clientId) return undefined;
  if (!URL.canParse(issuerUrl) || new URL(issuerUrl).protocol !== 'https:') {
    throw new FlagError(`--oidc-issuer-url: ${JSON.stringify(issuerUrl)} must be an https:// address`);
  }
  const unknown = flags['oidc-signing-algs'].find((name) => !algorithms.includes(name));
  if (unknown !== undefined) throw new FlagError(`--oidc-signing-algs: unsupported signing algorithm "${unknown}"`);
  const { 'oidc-username-claim': claim, 'oidc-username-prefix': given, 'oidc-groups-claim': groups } = flags;
  const prefix = given === '-' ? '' : given || (claim === 'email' ? '' : `${issuerUrl}#`);
  const wanted = flags['oidc-required-claim'].map(readRequired);
  return {
    issuerUrl,
    audiences: [clientId],
    algorithms: flags['oidc-signing-algs'],
    mapping: {
      username: usernameClaim(claim, prefix),
      groups: groups ? groupsClaim(groups, flags['oidc-groups-prefix']) : () => [],
      checkClaims(claims) {
        for (const [name, want] of wanted) requireClaim(claims, name, want);
      },
    },
    ...(caFile ? { ca: readFileSync(caFile) } : {}),
  };
}

function readRequired(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new FlagError(`--oidc-required-claim: ${JSON.stringify(text)} must be formatted as key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}
