// Who sent a request: a client certificate, a bearer token, or nobody.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import type { TLSSocket } from 'node:tls';
import { unauthorizedError } from '../../machinery/errors.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { ServiceAccountTokens } from './tokens.ts';
import { anonymousUser, authenticated, type UserInfo } from './user.ts';

export interface AuthenticationDeps {
  tokens: ServiceAccountTokens;
  store: ObjectStore;
  kinds: KindTable;
}

/**
 * By connection: the user its certificate names, null without one, `unknown` for one that nobody we
 * trust has signed.
 */
const certificateUsers = new WeakMap<TLSSocket, UserInfo | null | 'unknown'>();

/** The user of a request; 401 for credentials that prove nothing. */
export async function authenticate(
  credentials: { socket: TLSSocket | undefined; authorization: string | undefined },
  deps: AuthenticationDeps,
): Promise<UserInfo> {
  const { socket, authorization } = credentials;
  const byCertificate = socket ? userOfCertificate(socket) : null;
  if (byCertificate && byCertificate !== 'unknown') return byCertificate;
  // A certificate that proves nothing does not forbid a token that does.
  if (!authorization && byCertificate === null) return anonymousUser;
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  const found = token ? await deps.tokens.authenticate(token, deps) : undefined;
  if (!found) throw unauthorizedError();
  return authenticated(found.user);
}

/** The user a verified client certificate names: CN, with O as groups. */
function userOfCertificate(socket: TLSSocket): UserInfo | null | 'unknown' {
  const known = certificateUsers.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerCertificate?.();
  let user: UserInfo | null | 'unknown' = null;
  if (certificate && Object.keys(certificate).length > 0) {
    const { CN, O } = certificate.subject as unknown as { CN?: string; O?: string | string[] };
    const groups = O === undefined ? [] : Array.isArray(O) ? O : [O];
    if (!socket.authorized) user = 'unknown';
    else if (CN) user = authenticated({ username: CN, groups });
  }
  certificateUsers.set(socket, user);
  return user;
}
