// The kubelet's own server: logs, exec, attach, port-forward, health, metrics, stats and
// configuration, over HTTPS, for whom the API server allows it. Plain node:https
// (docs/adr/004-kubelet-server.md).
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Registry } from 'prom-client';
import type { Clock } from '../../machinery/clock.ts';
import { headersOf } from '../../machinery/component.ts';
import { internalError, messageOf } from '../../machinery/errors.ts';
import { renderAnswerHead } from '../../machinery/http-text.ts';
import type { Logger } from '../../machinery/log.ts';
import type { Zpages } from '../../machinery/zpages.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import type { Pair } from '../certificates/certificate-files.ts';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';
import { type PodCgroups, podGroups, podsGroup } from '../cgroups/pod-cgroups.ts';
import type { Observations } from '../eviction/thresholds.ts';
import type { NodeFacts } from '../node/node-facts.ts';
import type { PodSet } from '../pods/pod-set.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { millisOf, nameOf, readySandbox, runningContainers } from '../pods/runtime-state.ts';
import { countRequests } from '../work-metrics.ts';
import { renderCadvisorMetrics } from './cadvisor-metrics.ts';
import type { ClientAccess } from './client-access.ts';
import { describeConfig, type KubeletSettings } from './configz.ts';
import { CpuRates } from './cpu-rates.ts';
import { type GroupUse, readGroupUse } from './group-use.ts';
import { type HealthChecks, serveHealth } from './health.ts';
import { HttpError } from './http-error.ts';
import { serveLogs } from './logs-route.ts';
import { serveNodeLogs } from './node-logs.ts';
import { renderResourceMetrics } from './resource-metrics.ts';
import { serveRun } from './run-route.ts';
import { describeNodeStats } from './stats.ts';
import { openStream } from './stream-route.ts';

type ServerPair = Pick<Pair, 'cert' | 'key'>;

export interface ServerDeps {
  port: number;
  /** Without a pair every handshake fails. */
  tls: { pair: ServerPair | undefined; clientCa: Buffer };
  access: ClientAccess;
  nodeName: string;
  pods: PodSet;
  cri: CriClient;
  clock: Clock;
  log: Logger;
  metrics: Registry;
  probeMetrics: Registry;
  health: HealthChecks;
  zpages: Zpages;
  settings: KubeletSettings;
  nodeUsage(): GroupUse | undefined;
  signals(): Observations;
  tree: CgroupTree;
  facts: NodeFacts;
  cgroups: PodCgroups;
}

/** What the server itself keeps. */
interface Serving extends ServerDeps {
  startMs: number;
  rates: CpuRates;
}

// The size of a request's head as upstream's server takes it: a command to execute stands there. No
// request has a body worth waiting for.
const httpLimits = {
  maxHeaderSize: 1 << 20,
  handshakeTimeout: 10_000,
  headersTimeout: 30_000,
  requestTimeout: 30_000,
};
const idleTimeoutMs = 90_000;
/** Connections at a time of those who show no certificate. */
const maxStrangers = 256;

export async function startServer(given: ServerDeps) {
  const deps: Serving = { ...given, startMs: given.clock.now(), rates: new CpuRates() };
  let { pair, clientCa: ca } = deps.tls;
  const secure = () => ({ ca, ...(pair ? { cert: pair.cert, key: pair.key } : {}) });
  const server = createServer({ ...secure(), requestCert: true, rejectUnauthorized: false, ...httpLimits });
  server.keepAliveTimeout = idleTimeoutMs;
  const sockets = new Set<Duplex>();
  const strangers = new Set<Duplex>();
  server.on('secureConnection', (socket) => {
    const isStranger = !socket.authorized;
    if (isStranger && strangers.size >= maxStrangers) return void socket.destroy();
    sockets.add(socket);
    if (isStranger) strangers.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      strangers.delete(socket);
    });
  });
  const count = countRequests(deps.metrics, deps.clock);
  server.on('request', (req, res) => {
    res.once('close', count(req.method ?? '', pathOf(req)));
    answer(deps, req, res).catch((err) => sendError(deps, res, err));
  });
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', count(req.method ?? '', pathOf(req)));
    upgrade(deps, req, socket as Socket, head).catch((err) => refuse(deps, socket, err));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(deps.port, () => resolve());
  });
  return {
    /** New connections are shown this certificate. */
    present(next: ServerPair): void {
      pair = next;
      server.setSecureContext(secure());
    },
    /** The clients of new connections are known by these authorities. */
    trust(authorities: Buffer): void {
      ca = authorities;
      server.setSecureContext(secure());
      server.closeIdleConnections();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(deps: Serving, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = parseUrl(req);
  const [route = '', ...rest] = pathParts(url);
  await deps.access(req, route);
  if (route === 'containerLogs') return serveLogs(deps, { res, names: rest, query: url.searchParams });
  if (['exec', 'attach', 'portForward'].includes(route)) throw new HttpError(400, 'Upgrade request required');
  if (route === 'run' && req.method === 'POST')
    return serveRun(deps, { req, res, names: rest, query: url.searchParams });
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new HttpError(405, 'Method Not Allowed');
  if (route === 'healthz') return serveHealth(deps.health, rest.join('/'), url.searchParams, res);
  if (route === 'logs')
    return serveNodeLogs(nodeLogDir(deps), { parts: rest, isFolder: url.pathname.endsWith('/'), res });
  const page = deps.zpages(url.pathname, req.headers.accept, [...Object.keys(documents), ...otherPaths]);
  if (page) return void res.writeHead(page.code, headersOf(page)).end(page.text);
  const found = documents[url.pathname.replace(/(.)\/$/, '$1')];
  if (!found) throw new HttpError(404, '404 page not found');
  const { type, text } = await found(deps, url.searchParams);
  res.writeHead(200, { 'content-type': type });
  res.end(text);
}

/** Logs of pods lie in the folder of all logs. */
const nodeLogDir = ({ settings }: ServerDeps) => dirname(settings.podLogsDir);

const json = (value: object) => ({ type: 'application/json', text: JSON.stringify(value) });
const metricsOf = async (registry: Registry) => ({ type: registry.contentType, text: await registry.metrics() });

/** What is read as a whole. */
const documents: Record<string, (deps: Serving, query: URLSearchParams) => Promise<{ type: string; text: string }>> = {
  '/stats/summary': async (deps, query) => json(await describeStats(deps, query.get('only_cpu_and_memory') === 'true')),
  '/pods': async ({ pods }) => {
    const items = pods.list().map(({ pod, status }) => ({ ...pod, status }));
    return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
  },
  '/runningpods': async ({ pods }) => {
    const running = pods.list().filter(({ runtime }) => readySandbox(runtime.state));
    return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: running.map(describeRunning) });
  },
  '/metrics': ({ metrics }) => metricsOf(metrics),
  '/metrics/probes': ({ probeMetrics }) => metricsOf(probeMetrics),
  '/metrics/cadvisor': async (deps) => ({ type: deps.metrics.contentType, text: await describeGroups(deps) }),
  '/metrics/resource': async (deps) => ({ type: deps.metrics.contentType, text: await describeResources(deps) }),
  '/configz': async ({ settings, port }) => json(describeConfig(settings, port)),
};

/** What is served beside documents. */
const otherPaths = ['attach', 'containerLogs', 'exec', 'flagz', 'healthz', 'logs', 'portForward', 'run'].map(
  (route) => `/${route}`,
);

/** As the runtime has it. */
function describeRunning({ pod, runtime }: PodWorker): object {
  const { name, namespace, uid } = pod.metadata;
  const containers = runningContainers(runtime.state).map((c) => ({
    name: nameOf(c),
    image: c.image_id || c.image_ref,
    resources: {},
  }));
  return { metadata: { name, namespace, uid }, spec: { containers }, status: {} };
}

const readStats = ({ cri, log }: ServerDeps) =>
  cri.runtime.ListPodSandboxStats({}).catch((err) => {
    log.warn({ err }, 'the use of resources could not be read');
    return undefined;
  });

function describeStats(deps: Serving, onlyCpuAndMemory: boolean): Promise<object> {
  const nowMs = deps.clock.now();
  return describeNodeStats({
    ...deps,
    node: { usage: deps.nodeUsage(), signals: deps.signals() },
    allPods: readGroupUse(deps.tree, podsGroup, nowMs),
    worker: (uid) => deps.pods.worker(uid),
    podLogsDir: deps.settings.podLogsDir,
    nowMs,
    onlyCpuAndMemory,
  });
}

async function describeGroups(deps: ServerDeps): Promise<string> {
  const found = await readStats(deps);
  const { tree, facts, cgroups, clock } = deps;
  const pods = deps.pods.list().map(({ pod, runtime }) => {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    return { name, namespace, uid, path: cgroups.pathOf(pod), state: runtime.state };
  });
  return renderCadvisorMetrics({ tree, facts, groups: podGroups, pods, stats: found?.stats, nowMs: clock.now() });
}

async function describeResources(deps: ServerDeps): Promise<string> {
  const { pods, nodeUsage } = deps;
  const containers = pods.list().flatMap((worker) => worker.runtime.state.containers);
  const started = new Map(containers.map((c) => [c.id, millisOf(c.started_at)]));
  const found = await readStats(deps);
  const startOf = (id: string) => started.get(id);
  return renderResourceMetrics({ node: nodeUsage(), pods: found?.stats ?? [], startOf, hasFailed: !found });
}

async function upgrade(deps: ServerDeps, req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
  const url = parseUrl(req);
  const parts = pathParts(url);
  await deps.access(req, parts[0] ?? '');
  await openStream(deps, { req, socket, head, parts, query: url.searchParams });
}

const pathOf = ({ url = '' }: IncomingMessage) => url.split('?', 1)[0]!;

function parseUrl({ url = '/' }: IncomingMessage): URL {
  const base = 'https://kubelet';
  if (!URL.canParse(url, base)) throw new HttpError(400, `invalid URL ${JSON.stringify(url)}`);
  return new URL(url, base);
}

function pathParts(url: URL): string[] {
  const parts = url.pathname.split('/').filter((part) => part !== '');
  try {
    return parts.map(decodeURIComponent);
  } catch {
    throw new HttpError(400, `invalid URL escape in ${JSON.stringify(url.pathname)}`);
  }
}

function sendError({ log }: ServerDeps, res: ServerResponse, err: unknown): void {
  const { code, text } = describeError(err);
  if (code === 500) log.warn({ err }, 'a request failed');
  if (res.headersSent) {
    res.destroy();
    return;
  }
  // A body that nobody reads is not waited for.
  res.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  res.end(code === 401 ? text : `${text}\n`);
}

function refuse({ log }: ServerDeps, socket: Duplex, err: unknown): void {
  const { code, text } = describeError(err);
  if (code === 500) log.warn({ err }, 'a stream could not be opened');
  // As a Status where the text may be anything: kubectl takes a text with a colon in it for YAML, and shows nothing.
  const isOurs = err instanceof HttpError;
  const body = isOurs ? text : JSON.stringify(internalError(text).toStatus());
  const headers = { 'Content-Type': isOurs ? 'text/plain; charset=utf-8' : 'application/json' };
  socket.end(renderAnswerHead(`${code} ${STATUS_CODES[code]}`, headers, body) + body);
}

const describeError = (err: unknown) =>
  err instanceof HttpError ? { code: err.code, text: err.message } : { code: 500, text: messageOf(err) };
