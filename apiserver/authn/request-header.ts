// A proxy in front of the server says whose request it is, in headers; its certificate proves that it
// may. Upstream: request/headerrequest.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { setKey } from '../../machinery/json.ts';
import { several } from '../server-headers.ts';
import { type Authenticator, CredentialsError } from './authenticator.ts';
import { leadsTo } from './trusted-authority.ts';
import type { UserInfo } from './user.ts';

export interface RequestHeaderOptions {
  authorities: readonly X509Certificate[];
  /** Common names of the proxies; none stands for any. */
  allowedNames: readonly string[];
  usernameHeaders: readonly string[];
  uidHeaders: readonly string[];
  groupHeaders: readonly string[];
  extraPrefixes: readonly string[];
}

type Headers = Record<string, string | string[] | undefined>;

export function requestHeaders(options: RequestHeaderOptions): Authenticator {
  const lower = (names: readonly string[]) => names.map((name) => name.trim().toLowerCase());
  const usernames = lower(options.usernameHeaders);
  const uids = lower(options.uidHeaders);
  const groups = lower(options.groupHeaders);
  const prefixes = lower(options.extraPrefixes);
  const firstOf = (headers: Headers, names: string[]) => names.flatMap((name) => several(headers[name]))[0];
  return {
    async authenticate({ socket, headers }) {
      if (!socket || !hasCertificate(socket)) return undefined;
      if (!leadsTo(socket, options.authorities)) {
        throw new CredentialsError('x509: certificate signed by unknown authority');
      }
      const { CN } = socket.getPeerCertificate().subject as unknown as { CN?: string };
      if (options.allowedNames.length > 0 && !options.allowedNames.includes(CN ?? '')) {
        throw new CredentialsError(`x509: subject with cn=${CN ?? ''} is not in the allowed list`);
      }
      const username = firstOf(headers, usernames);
      if (username === undefined) return undefined;
      const uid = firstOf(headers, uids);
      const extra = extraOf(headers, prefixes);
      const user: UserInfo = {
        username,
        ...(uid === undefined ? {} : { uid }),
        groups: groups.flatMap((name) => several(headers[name])),
        ...(Object.keys(extra).length > 0 ? { extra } : {}),
      };
      // They are for this server alone, not for those to whom it passes a request on.
      for (const name of Object.keys(headers)) {
        const isOurs = [...usernames, ...uids, ...groups].includes(name) || prefixes.some((p) => name.startsWith(p));
        if (isOurs) delete headers[name];
      }
      return user;
    },
  };
}

function hasCertificate(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate?.() ?? {}).length > 0;
}

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    for (const prefix of prefixes) {
      if (name.startsWith(prefix)) setKey(extra, unescapeKey(name.slice(prefix.length)), several(value));
    }
  }
  return extra;
}

/** The key of an extra field as it was before it became part of a header's name. */
export function unescapeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // it was not escaped
  }
}
