// Who asks a component: by a client certificate of the authority that the API server names, or by a token, which the API
// server is asked about; all others are nobody. Upstream: the delegating authenticator of k8s.io/apiserver.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../machinery/clock.ts';
import { unauthorizedError } from '../../machinery/errors.ts';
import { peerNameOf } from '../../machinery/peer-certificate.ts';
import { tokenReviewer, type User } from '../delegated-access.ts';
import type { KubeClient } from '../rest.ts';
import { cachedMs } from './delegated-authorizer.ts';

const nobody: User = { user: 'system:anonymous', groups: ['system:unauthenticated'] };

export type AuthenticateRequest = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => Promise<User>;

/** Rejects with 401 for a token that is no good. */
export function delegatedAuthenticator(client: Pick<KubeClient, 'request'>, clock: Clock): AuthenticateRequest {
  const review = tokenReviewer(client, clock, cachedMs);
  return async ({ socket, headers }) => {
    const peer = (socket as TLSSocket).authorized ? peerNameOf(socket as TLSSocket) : undefined;
    if (peer?.commonName) return { user: peer.commonName, groups: [...peer.organizations, 'system:authenticated'] };
    const [, token] = /^bearer +([^ ]+)$/i.exec(headers.authorization ?? '') ?? [];
    if (token === undefined) return nobody;
    // What nobody can be asked about proves nothing.
    const user = await review(token).catch(() => undefined);
    if (!user) throw unauthorizedError();
    return user;
  };
}
