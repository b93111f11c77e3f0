// Who asks this server, and whether they may: a certificate of the cluster's CA or a token says who, the API server
// decides. https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { accessReviewer, tokenReviewer, type User } from '../../client/delegated-access.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { peerNameOf } from '../../machinery/peer-certificate.ts';
import { HttpError } from './http-error.ts';

/** KubeletConfiguration's authentication and authorization; times in milliseconds. */
export interface AccessSettings {
  clientCaFile: string;
  /** Requests that show nothing are from system:anonymous. */
  anonymous: boolean;
  /** Bearer tokens are taken. */
  tokens: boolean;
  tokenTtlMs: number;
  mode: 'Webhook' | 'AlwaysAllow';
  allowedTtlMs: number;
  deniedTtlMs: number;
}

/** Resolves for a request that is let in; throws HttpError. `route` is the first part of its path. */
export type ClientAccess = (req: IncomingMessage, route: string) => Promise<void>;

interface AccessDeps {
  client: Pick<KubeClient, 'request'>;
  clock: Clock;
  log: Logger;
  nodeName: string;
}

/** Subresources of nodes by route, the finer first: one that is allowed is enough. Others are part of `proxy`. */
const subresources: Readonly<Record<string, readonly string[]>> = {
  __proto__: null as never,
  pods: ['pods', 'proxy'],
  runningpods: ['pods', 'proxy'],
  healthz: ['healthz', 'proxy'],
  configz: ['configz', 'proxy'],
  statusz: ['statusz'],
  flagz: ['configz'],
  stats: ['stats'],
  metrics: ['metrics'],
  logs: ['log'],
};

const verbs: Readonly<Record<string, string>> = {
  __proto__: null as never,
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const anonymous: User = { user: 'system:anonymous', groups: ['system:unauthenticated'] };
const everybody = 'system:authenticated';
const unauthorized = () => new HttpError(401, 'Unauthorized');

export function createAccess(settings: AccessSettings, { client, clock, log, nodeName }: AccessDeps): ClientAccess {
  const { tokenTtlMs, allowedTtlMs: allowedMs, deniedTtlMs: deniedMs } = settings;
  const reviewToken = tokenReviewer(client, clock, tokenTtlMs);
  const reviewAccess = accessReviewer(client, clock, { allowedMs, deniedMs });

  async function identify({ socket, headers }: IncomingMessage): Promise<User> {
    const shown = userOfCertificate(socket as TLSSocket);
    if (shown) return shown;
    const token = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (token !== undefined && settings.tokens) {
      const user = await reviewToken(token).catch((err) => {
        log.error({ err }, 'a bearer token could not be checked');
      });
      if (!user) throw unauthorized();
      return inEverybody(user);
    }
    if (!settings.anonymous) throw unauthorized();
    return anonymous;
  }

  return async (req, route) => {
    const user = await identify(req);
    if (settings.mode === 'AlwaysAllow') return;
    const verb = verbs[req.method ?? ''] ?? '';
    const asked = subresources[route] ?? ['proxy'];
    const who = `user=${user.user}, verb=${verb}, resource=nodes`;
    for (const subresource of asked) {
      const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName };
      const { allowed, denied } = await reviewAccess(user, { resourceAttributes }).catch((err) => {
        log.error({ err, user: user.user, verb, subresource }, 'the API server could not be asked for authorization');
        throw new HttpError(500, `Authorization error (${who}, subresource=${subresource})`);
      });
      if (allowed && !denied) return;
    }
    throw new HttpError(403, `Forbidden (${who}, subresource(s)=[${asked.join(' ')}])`);
  };
}

const inEverybody = (user: User): User =>
  user.groups?.includes(everybody) ? user : { ...user, groups: [...(user.groups ?? []), everybody] };

function userOfCertificate(socket: TLSSocket): User | undefined {
  const name = socket.authorized ? peerNameOf(socket) : undefined;
  if (!name?.commonName) return undefined;
  const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${name.digest}`] };
  return inEverybody({ user: name.commonName, groups: name.organizations, extra });
}
