// pods/log, exec, attach and portforward: checked here against the pod, then carried by its kubelet.
import { badRequestError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { ApiRequest } from '../endpoints/exchange.ts';
import { isTrue } from '../request-info.ts';
import { one } from '../server-headers.ts';
import type { Subresource, SubresourceContext, UpgradeTarget } from './handler.ts';
import { logQuery } from './log-options.ts';

async function findPod(context: SubresourceContext, request: ApiRequest): Promise<KubeObject> {
  const { namespace, name } = request.info;
  return (await context.store.get(request.kind, namespace, name)).object;
}

interface Named {
  name: string;
}

/** The container asked for, or the only one, or the one kubectl takes by default. */
export function chooseContainer(pod: KubeObject, asked: string | null): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const podName = pod.metadata.name;
  const names = (list: Named[]) => list.map((c) => c.name);
  if (asked) {
    const all = [...names(containers), ...names(initContainers), ...names(ephemeralContainers)];
    if (!all.includes(asked)) throw badRequestError(`container ${asked} is not valid for pod ${podName}`);
    return asked;
  }
  const preferred = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (preferred && names(containers).includes(preferred)) return preferred;
  if (containers.length === 1) return containers[0].name;
  const inits = initContainers.length > 0 ? ` or one of the init containers: [${names(initContainers).join(' ')}]` : '';
  throw badRequestError(
    `a container name must be specified for pod ${podName}, choose one of: [${names(containers).join(' ')}]${inits}`,
  );
}

function hostOf(pod: KubeObject): string {
  const node = pod.spec.nodeName;
  if (!node) throw badRequestError(`pod ${pod.metadata.name} does not have a host assigned`);
  return node;
}

function targetOn(context: SubresourceContext, node: string, path: string): UpgradeTarget {
  return { ...context.kubelets.addressOf(node), path, tls: true, kubelet: node };
}

/** exec and attach: the kubelet's parameters are input, output, error, tty and command. */
function streamPath(verb: 'exec' | 'attach', pod: KubeObject, query: URLSearchParams): string {
  const { namespace, name } = pod.metadata;
  const container = chooseContainer(pod, query.get('container'));
  const out = new URLSearchParams();
  const flags = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;
  let any = false;
  for (const [ours, theirs] of Object.entries(flags)) {
    if (!isTrue(query.get(ours))) continue;
    if (ours !== 'tty') any = true;
    out.set(theirs, '1');
  }
  if (!any) throw badRequestError('you must specify at least one of stdin, stdout, stderr');
  for (const part of query.getAll('command')) out.append('command', part);
  if (verb === 'exec' && !out.has('command')) throw badRequestError('you must specify a command for the container');
  return `/${verb}/${namespace}/${name}/${container}?${out}`;
}

function portForwardPath({ metadata: { namespace, name } }: KubeObject, query: URLSearchParams): string {
  const ports = query.getAll('ports').join(',');
  return `/portForward/${namespace}/${name}${ports ? `?${new URLSearchParams({ port: ports })}` : ''}`;
}

type PathOf = (pod: KubeObject, query: URLSearchParams) => string;

/** What is wrong with the request is said before that it is no upgrade. */
function streamSubresource(name: string, pathOf: PathOf): Subresource {
  const locate = async (context: SubresourceContext, request: ApiRequest) => {
    // A WebSocket can only be asked for by GET, and what it does is no reading.
    if (request.info.verb !== 'create') await request.authorize('create');
    const pod = await findPod(context, request);
    const path = pathOf(pod, request.info.query);
    return { node: hostOf(pod), path };
  };
  return {
    group: '',
    resource: 'pods',
    name,
    async handle(context, request) {
      await locate(context, request);
      throw badRequestError('Upgrade request required');
    },
    async upgrade(context, request) {
      const { node, path } = await locate(context, request);
      return targetOn(context, node, path);
    },
  };
}

export const execSubresource = streamSubresource('exec', (pod, query) => streamPath('exec', pod, query));
export const attachSubresource = streamSubresource('attach', (pod, query) => streamPath('attach', pod, query));
export const portForwardSubresource = streamSubresource('portforward', portForwardPath);

export const logSubresource: Subresource = {
  group: '',
  resource: 'pods',
  name: 'log',
  async handle(context, request, front) {
    const options = logQuery(request.info.name, request.info.query);
    const pod = await findPod(context, request);
    const container = chooseContainer(pod, request.info.query.get('container'));
    const { namespace, name } = pod.metadata;
    const response = front.raw;
    if (!pod.spec.nodeName) {
      response.writeHead(204);
      response.end();
      return undefined;
    }
    const path = `/containerLogs/${namespace}/${name}/${container}?${options}`;
    const upstream = await context.kubelets.get(pod.spec.nodeName, path, request.signal);
    if (upstream.statusCode !== 200) throw badRequestError((await readText(upstream)).trim());
    response.writeHead(200, { 'content-type': one(upstream.headers['content-type']) ?? 'text/plain' });
    response.flushHeaders?.();
    upstream.pipe(response);
    // A log that broke off must not look like a whole one.
    upstream.on('error', () => response.destroy());
    return undefined;
  },
};

async function readText(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}
