// pods/proxy, services/proxy and nodes/proxy: HTTP to a pod, to one ready endpoint of a service, or
// to a kubelet, by way of the API server.
// https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/

import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Readable, Transform } from 'node:stream';
import { ask } from '../../host/http-exchange.ts';
import { badRequestError, messageOf, StatusError, unavailableError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { ApiRequest } from '../endpoints/exchange.ts';
import type { FrontRequest } from '../http/front.ts';
import type { RequestInfo } from '../request-info.ts';
import { answerBack, headersOnward } from '../server-headers.ts';
import { findEndpoint, reachable } from '../service-endpoint.ts';
import type { Subresource, SubresourceContext, UpgradeTarget } from './handler.ts';
import { linkStages } from './proxy-links.ts';

interface Backend {
  host: string;
  port: number;
  tls: boolean;
  /** The node whose kubelet this is: it is shown our client certificate. */
  kubelet?: string;
}

type Resolver = (context: SubresourceContext, request: ApiRequest) => Promise<Backend>;

/** `[scheme:]name[:port]` */
function splitName(text: string): { scheme: string; name: string; port: string } {
  const parts = text.split(':');
  if (parts.length === 1) return { scheme: '', name: text, port: '' };
  if (parts.length === 2) return { scheme: '', name: parts[0]!, port: parts[1]! };
  if (parts.length === 3 && ['http', 'https', ''].includes(parts[0]!))
    return { scheme: parts[0]!, name: parts[1]!, port: parts[2]! };
  throw badRequestError(`invalid proxy request ${JSON.stringify(text)}`);
}

const podBackend: Resolver = async (context, request) => {
  const { scheme, name, port } = splitName(request.info.name);
  const { object: pod } = await context.store.get(request.kind, request.info.namespace, name);
  const address = pod.status?.podIP;
  if (!address) throw unavailableError(`pod ${name} has no address yet`);
  const declared = pod.spec.containers
    .flatMap((c: KubeObject) => c.ports ?? [])
    .find((p: { containerPort: number }) => p.containerPort);
  const number = port === '' ? (declared?.containerPort ?? (scheme === 'https' ? 443 : 80)) : parsePort(port);
  return { host: reachable(address), port: number, tls: scheme === 'https' };
};

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65536) return Number(text);
  throw badRequestError(`invalid port ${JSON.stringify(text)}`);
}

const serviceBackend: Resolver = async (context, request) => {
  const { scheme, name, port } = splitName(request.info.name);
  const { namespace } = request.info;
  const { object: service } = await context.store.get(request.kind, namespace, name);
  const ports: { name?: string; port: number }[] = service.spec.ports ?? [];
  const wanted = port === '' ? ports[0] : ports.find((p) => p.name === port || String(p.port) === port);
  if (port !== '' && !wanted)
    throw unavailableError(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return { ...findEndpoint(context, { namespace, name }, wanted?.name ?? ''), tls: scheme === 'https' };
};

const nodeBackend: Resolver = async (context, request) => {
  const { scheme, name, port } = splitName(request.info.name);
  const address = context.kubelets.addressOf(name);
  const host = await reachableHost(address.host);
  if (port === '' || parsePort(port) === address.port) return { host, port: address.port, tls: true, kubelet: name };
  return { host, port: parsePort(port), tls: scheme === 'https' };
};

/** A node may be known by a name: what it stands for is looked up once, and then that is where the request goes. */
async function reachableHost(host: string): Promise<string> {
  if (isIP(host)) return reachable(host);
  try {
    return reachable((await lookup(host)).address);
  } catch (err) {
    if (err instanceof StatusError) throw err;
    throw unavailableError(`error trying to reach service: ${messageOf(err)}`, err);
  }
}

/** What follows the subresource, as the client wrote it. */
function targetPath(request: ApiRequest): string {
  const query = request.info.query.toString();
  return `${request.info.rest || '/'}${query ? `?${query}` : ''}`;
}

// Who may read an answer is for the API server to say, not for what stands behind it.
const ownHeaders = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

/** Where a redirect leads, seen through the proxy: a path on the same host stays behind it. */
export function throughProxy(
  location: string,
  { path, rest }: Pick<RequestInfo, 'path' | 'rest'>,
  host: string,
): string {
  const prefix = path.slice(0, path.length - rest.length);
  const [, authority, target = '/'] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(location) ?? [];
  if (authority !== undefined) return authority === host ? throughProxy(target || '/', { path, rest }, host) : location;
  if (!location.startsWith('/') || location.startsWith('//') || location.startsWith(`${prefix}/`)) return location;
  return prefix + location;
}

/** Streams the answer back, its redirect and the links of a page as they are seen through the proxy. */
function giveBack(upstream: IncomingMessage, front: FrontRequest, through: (url: string) => string): void {
  const { code, headers } = answerBack(upstream, (name) => ownHeaders.has(name));
  if (upstream.headers.location) headers.location = through(upstream.headers.location);
  const stages = front.method === 'HEAD' ? [] : linkStages(upstream.headers, through);
  // The links make it longer.
  if (stages.length > 0) delete headers['content-length'];
  front.raw.writeHead(code, headers);
  let stream: Readable = upstream;
  for (const next of [...stages, front.raw]) {
    // An answer that broke off must not look like a whole one.
    stream.on('error', () => front.raw.destroy());
    stream = stream.pipe(next as Transform);
  }
}

/** Sends the request on and streams the answer back. */
export async function relay(
  context: SubresourceContext,
  request: ApiRequest,
  front: FrontRequest,
  backend: Backend,
): Promise<undefined> {
  const { host, port, tls, kubelet } = backend;
  const options = {
    ...{ host, port, protocol: tls ? 'https:' : 'http:' },
    ...(kubelet ? context.kubelets.tlsOptions(kubelet) : { rejectUnauthorized: false }),
    method: front.method,
    path: targetPath(request),
    headers: {
      ...headersOnward(front.headers, front.socket?.remoteAddress),
      'x-forwarded-uri': request.info.path,
    },
    signal: request.signal,
    // A kept connection may have ended on the other side.
    agent: false as const,
  };
  try {
    const upstream = await ask(options, (out) => front.body.pipeTo(out), false);
    giveBack(upstream, front, (url) => throughProxy(url, request.info, `${host}:${port}`));
  } catch (err) {
    throw unavailableError(`error trying to reach service: ${messageOf(err)}`, err);
  }
}

function proxySubresource(resource: string, resolve: Resolver): Subresource {
  return {
    group: '',
    resource,
    name: 'proxy',
    takesEveryMethod: true,
    async handle(context, request, front) {
      const { path, rest } = request.info;
      if (rest === '' && (front.method === 'GET' || front.method === 'HEAD')) {
        // Without the slash the relative links of the answer would lead elsewhere.
        front.raw.writeHead(301, { location: `${path}/${front.url.slice(path.length)}` });
        front.raw.end();
        return undefined;
      }
      return relay(context, request, front, await resolve(context, request));
    },
    async upgrade(context, request): Promise<UpgradeTarget> {
      return { ...(await resolve(context, request)), path: targetPath(request) };
    },
  };
}

export const podProxySubresource = proxySubresource('pods', podBackend);
export const serviceProxySubresource = proxySubresource('services', serviceBackend);
export const nodeProxySubresource = proxySubresource('nodes', nodeBackend);
