// The kubelet's own server: logs, exec, attach, port-forward, health, metrics, stats and
// configuration, over HTTPS, for the API server and cluster admins. Plain node:https
// (docs/adr/004-kubelet-server.md).
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Registry } from 'prom-client';
import type { Clock } from '../../machinery/clock.ts';
import { internalError } from '../../machinery/errors.ts';
import { renderAnswerHead } from '../../machinery/http-text.ts';
import type { Logger } from '../../machinery/log.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { millisOf } from '../pods/runtime-state.ts';
import { judgeClient } from './client-access.ts';
import { describeConfig, type KubeletSettings } from './configz.ts';
import { type HealthChecks, serveHealth } from './health.ts';
import { HttpError } from './http-error.ts';
import { serveLogs } from './logs-route.ts';
import { serveNodeLogs } from './node-logs.ts';
import { type NodeUsage, renderResourceMetrics } from './resource-metrics.ts';
import { describeNodeStats } from './stats.ts';
import { openStream } from './stream-route.ts';

export interface KubeletServerTls {
  cert: Buffer;
  key: Buffer;
  clientCa: Buffer;
}

export interface ServerDeps {
  port: number;
  tls: KubeletServerTls;
  nodeName: string;
  pods: PodSet;
  cri: CriClient;
  clock: Clock;
  log: Logger;
  metrics: Registry;
  probeMetrics: Registry;
  health: HealthChecks;
  settings: KubeletSettings;
  nodeUsage(): NodeUsage | undefined;
}

export interface KubeletServer {
  close(): Promise<void>;
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
/** Connections at a time of those who will be refused anyway. */
const maxStrangers = 256;

export async function startServer(deps: ServerDeps): Promise<KubeletServer> {
  const { cert, key, clientCa } = deps.tls;
  const server = createServer({ cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false, ...httpLimits });
  server.keepAliveTimeout = idleTimeoutMs;
  const sockets = new Set<Duplex>();
  const strangers = new Set<Duplex>();
  server.on('secureConnection', (socket) => {
    const isStranger = judgeClient(socket) !== undefined;
    if (isStranger && strangers.size >= maxStrangers) return void socket.destroy();
    sockets.add(socket);
    if (isStranger) strangers.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      strangers.delete(socket);
    });
  });
  server.on('request', (req, res) => {
    answer(deps, req, res).catch((err) => sendError(deps, res, err));
  });
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(deps, req, socket as Socket, head).catch((err) => refuse(deps, socket, err));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(deps.port, () => resolve());
  });
  return {
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function checkAccess(req: IncomingMessage): void {
  const problem = judgeClient(req.socket as TLSSocket);
  if (problem) throw new HttpError(problem.code, problem.message);
}

async function answer(deps: ServerDeps, req: IncomingMessage, res: ServerResponse): Promise<void> {
  checkAccess(req);
  const url = parseUrl(req);
  const [route = '', ...rest] = pathParts(url);
  if (route === 'containerLogs') return serveLogs(deps, { res, names: rest, query: url.searchParams });
  if (['exec', 'attach', 'portForward'].includes(route)) throw new HttpError(400, 'Upgrade request required');
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new HttpError(405, 'Method Not Allowed');
  if (route === 'healthz') return serveHealth(deps.health, rest.join('/'), url.searchParams, res);
  if (route === 'logs')
    return serveNodeLogs(nodeLogDir(deps), { parts: rest, isFolder: url.pathname.endsWith('/'), res });
  const found = documents[url.pathname.replace(/(.)\/$/, '$1')];
  if (!found) throw new HttpError(404, '404 page not found');
  const { type, text } = await found(deps);
  res.writeHead(200, { 'content-type': type });
  res.end(text);
}

/** Logs of pods lie in the folder of all logs. */
const nodeLogDir = ({ settings }: ServerDeps) => dirname(settings.podLogsDir);

const json = (value: object) => ({ type: 'application/json', text: JSON.stringify(value) });
const metricsOf = async (registry: Registry) => ({ type: registry.contentType, text: await registry.metrics() });

/** What is read as a whole. */
const documents: Record<string, (deps: ServerDeps) => Promise<{ type: string; text: string }>> = {
  '/pods': async ({ pods }) => {
    const items = pods.list().map(({ pod, status }) => ({ ...pod, status }));
    return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
  },
  '/metrics': ({ metrics }) => metricsOf(metrics),
  '/metrics/probes': ({ probeMetrics }) => metricsOf(probeMetrics),
  '/metrics/resource': async (deps) => ({ type: deps.metrics.contentType, text: await describeResources(deps) }),
  '/stats/summary': async (deps) => {
    const volumesOf = async (uid: string) => (await deps.pods.worker(uid)?.measureVolumes()) ?? [];
    return json(await describeNodeStats({ ...deps, volumesOf, nowMs: deps.clock.now() }));
  },
  '/configz': async ({ settings }) => json(describeConfig(settings)),
};

async function describeResources({ cri, pods, log, nodeUsage }: ServerDeps): Promise<string> {
  const containers = pods.list().flatMap((worker) => worker.runtime.state.containers);
  const started = new Map(containers.map((c) => [c.id, millisOf(c.started_at)]));
  const found = await cri.runtime.ListPodSandboxStats({}).catch((err) => {
    log.warn({ err }, 'the use of resources could not be read');
    return undefined;
  });
  const startOf = (id: string) => started.get(id);
  return renderResourceMetrics({ node: nodeUsage(), pods: found?.stats ?? [], startOf, hasFailed: !found });
}

async function upgrade(deps: ServerDeps, req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
  checkAccess(req);
  const url = parseUrl(req);
  await openStream(deps, { req, socket, head, parts: pathParts(url), query: url.searchParams });
}

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
  res.end(`${text}\n`);
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
  err instanceof HttpError ? { code: err.code, text: err.message } : { code: 500, text: (err as Error).message };
