// Who asks a component: by a client certificate of the authority that the API server names, or by a token, which the API
// server is asked about; all others are nobody. Upstream: the delegating authenticator of k8s.io/apiserver.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { TokenReview } from '../../api/authentication/tokenreview.ts';
import type { Clock } from '../../machinery/clock.ts';
import { unauthorizedError } from '../../machinery/errors.ts';
import type { KubeClient } from '../rest.ts';
import { cachedMs, maxCached, type User } from './delegated-authorizer.ts';

const authenticated = 'system:authenticated';
const nobody: User = { user: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The user that a certificate names; one that the handshake has not found good names nobody. */
function userOfCertificate(socket: TLSSocket): User | undefined {
  const { subject } = socket.getPeerCertificate();
  if (!socket.authorized || !subject) return undefined;
  const [user = ''] = ([] as string[]).concat(subject.CN ?? []);
  return user === '' ? undefined : { user, groups: [...([] as string[]).concat(subject.O ?? []), authenticated] };
}

export type AuthenticateRequest = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => Promise<User>;

/** Rejects with 401 for a token that is no good. */
export function delegatedAuthenticator(client: Pick<KubeClient, 'request'>, clock: Clock): AuthenticateRequest {
  const known = new LRUCache<string, { atMs: number; user: User }>({ max: maxCached });
  return async ({ socket, headers }) => {
    const byCertificate = userOfCertificate(socket as TLSSocket);
    if (byCertificate) return byCertificate;
    const [, token] = /^bearer +([^ ]+)$/i.exec(headers.authorization ?? '') ?? [];
    if (token === undefined) return nobody;
    const key = createHash('sha256').update(token).digest('base64');
    const before = known.get(key);
    if (before && clock.monotonicMs() - before.atMs <= cachedMs) return before.user;
    const body = JSON.stringify({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token } });
    const path = '/apis/authentication.k8s.io/v1/tokenreviews';
    // What nobody can be asked about proves nothing.
    const review = await client.request<TokenReview>({ method: 'POST', path, body }).catch(() => undefined);
    if (!review?.status?.authenticated) throw unauthorizedError();
    const { username = '', ...rest } = review.status.user ?? {};
    const user = { user: username, ...rest };
    known.set(key, { atMs: clock.monotonicMs(), user });
    return user;
  };
}
