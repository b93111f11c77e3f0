// exec, attach and port-forward: asks the runtime for a session's URL and joins the two
// connections. The protocols (WebSocket, SPDY) are spoken by the ends; from here on only bytes are
// carried. Upstream: pkg/kubelet/server and its streaming proxy.
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { status as RpcStatus } from '@grpc/grpc-js';
import { endTogether } from '../../host/joined-ends.ts';
import { renderPassedOnHead } from '../../machinery/http-text.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { HttpError } from './http-error.ts';
import { bareId, findWorker, statusOf } from './pod-lookup.ts';

interface StreamRequest {
  req: IncomingMessage;
  socket: Socket;
  head: Buffer;
  /** Route, namespace, pod and, but for port-forward, container. */
  parts: readonly string[];
  query: URLSearchParams;
}

export async function openStream(deps: { pods: PodSet; cri: CriClient }, request: StreamRequest): Promise<void> {
  const url = new URL(await askForUrl(deps, request));
  await join(request, url);
}

async function askForUrl({ pods, cri }: { pods: PodSet; cri: CriClient }, request: StreamRequest): Promise<string> {
  const { parts, query } = request;
  const [route = '', namespace = '', podName = '', container = ''] = parts;
  const isOn = (name: string) => query.get(name) === '1' || query.get(name) === 'true';
  if (!['exec', 'attach', 'portForward'].includes(route)) throw new HttpError(404, '404 page not found');
  const worker = findWorker(pods, namespace, podName);
  if (route === 'portForward') {
    const { sandboxId } = worker;
    if (!sandboxId)
      throw new HttpError(
        400,
        `unable to forward port because pod is not running. Current status=${worker.status.phase}`,
      );
    return (await cri.runtime.PortForward({ pod_sandbox_id: sandboxId, port: parsePorts(query) })).url;
  }
  const status = statusOf(worker, container);
  const missing =
    route === 'attach'
      ? `container ${container} not found in pod ${podName}_${namespace}`
      : `container not found ("${container}")`;
  const notFound = new HttpError(400, missing);
  if (!status?.state?.running) throw notFound;
  const tty = isOn('tty');
  const streams = { stdin: isOn('input'), stdout: isOn('output'), stderr: isOn('error') && !tty, tty };
  const container_id = bareId(status.containerID);
  try {
    if (route === 'attach') return (await cri.runtime.Attach({ container_id, ...streams })).url;
    return (await cri.runtime.Exec({ container_id, cmd: query.getAll('command'), ...streams })).url;
  } catch (err) {
    // It has ended meanwhile.
    throw isRpcError(err) && endedCodes.includes(err.code) ? notFound : err;
  }
}

function parsePorts(query: URLSearchParams): number[] {
  const texts = query.getAll('port').flatMap((text) => text.split(','));
  return texts
    .filter((text) => text !== '')
    .map((text) => {
      const port = Number(text);
      if (/^\d{1,5}$/.test(text) && port > 0 && port < 65536) return port;
      throw new HttpError(400, `unable to parse ${JSON.stringify(text)} as a port`);
    });
}

const endedCodes = [RpcStatus.NOT_FOUND, RpcStatus.FAILED_PRECONDITION];

/**
 * Upstream: streaming-connection-idle-timeout. The runtime has the same; this one is for clients
 * that no longer take what it sent.
 */
const idleTimeoutMs = 4 * 3600_000;

/** Sends the upgrade on and carries bytes until either end closes. */
function join({ req, socket, head }: StreamRequest, url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const upstream = connect({ host: url.hostname, port: Number(url.port) });
    upstream.setNoDelay(true);
    socket.setTimeout(idleTimeoutMs, () => socket.destroy());
    upstream.once('connect', () => {
      upstream.write(renderPassedOnHead(req, { path: url.pathname + url.search, host: url.host }));
      if (head.length > 0) upstream.write(head);
      socket.pipe(upstream);
      upstream.pipe(socket);
      resolve();
    });
    // Once they are joined nobody is told any more.
    upstream.on('error', (err) =>
      reject(new Error(`error dialing the container runtime: ${err.message}`, { cause: err })),
    );
    endTogether(socket, upstream);
  });
}
