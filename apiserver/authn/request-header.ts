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
  const senders = new WeakMap<TLSSocket, Sender>();
  /** Looks at the certificate of a connection once. */
  const senderOf = (socket: TLSSocket): Sender => {
    return senders.getOrInsertComputed(socket, () => judge(socket, options));
  };
  return {
    async authenticate({ socket, headers }) {
      const sender = socket ? senderOf(socket) : 'nobody';
      if (sender === 'nobody') return undefined;
      if (sender !== 'proxy') throw sender;
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

/** Who is at the other end: a proxy, somebody without a certificate, or one whose certificate proves nothing here. */
type Sender = 'proxy' | 'nobody' | CredentialsError;

function judge(socket: TLSSocket, { authorities, allowedNames }: RequestHeaderOptions): Sender {
  const certificate = socket.getPeerCertificate?.();
  if (!certificate || Object.keys(certificate).length === 0) return 'nobody';
  if (!leadsTo(socket, authorities)) return new CredentialsError('x509: certificate signed by unknown authority');
  const { CN = '' } = certificate.subject as unknown as { CN?: string };
  if (allowedNames.length === 0 || allowedNames.includes(CN)) return 'proxy';
  return new CredentialsError(`x509: subject with cn=${CN} is not in the allowed list`);
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
