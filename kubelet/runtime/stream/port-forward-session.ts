// Port-forward over SPDY (plain or tunnelled in WebSocket): a pair of streams for each connection, `error` and `data`,
// with the port in a header. Upstream counterpart: the portforward.k8s.io protocol.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Timer } from '../../../machinery/clock.ts';
import { commandEnv } from '../process/launcher.ts';
import type { Runtime } from '../runtime.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';
import { creationTimeoutMs } from './spdy-streams.ts';

export const portForwardProtocol = 'portforward.k8s.io';

export interface PortForwardOffer {
  kind: 'portforward';
  sandboxId: string;
  /** For clients that do not name a port with each connection. */
  ports: number[];
}

export type ForwardRuntime = Pick<Runtime, 'sandboxes' | 'log' | 'clock'>;

interface Connection {
  fromPod: Readable;
  toPod: Writable;
  /** Resolves with null when the connection ended, or with why there was none. */
  ended: Promise<string | null>;
  close(): void;
}

/** Serves port-forwarding on a connection until the client leaves. */
export async function runPortForward(rt: ForwardRuntime, offer: PortForwardOffer, socket: Duplex): Promise<void> {
  const waiting = new Map<string, { stream: SpdyStream; timeout: Timer }>();
  const session = new SpdySession(socket, {
    role: 'server',
    onStream(stream) {
      stream.on('error', () => undefined);
      const { streamtype, requestid } = stream.headers;
      // Clients without request ids open the error stream just before the data stream.
      const key = requestid ?? String(streamtype === 'error' ? stream.id : stream.id - 2);
      if (streamtype === 'error') {
        if (waiting.has(key)) return void stream.destroy();
        // Nothing is said on it, but its end has to be seen.
        stream.resume();
        const timeout = rt.clock.after(creationTimeoutMs, () => {
          waiting.delete(key);
          stream.destroy();
        });
        waiting.set(key, { stream, timeout });
        return;
      }
      const error = waiting.get(key);
      error?.timeout.cancel();
      waiting.delete(key);
      const port = Number(stream.headers.port);
      if (streamtype !== 'data' || !error || !(port > 0 && port < 65536)) {
        error?.stream.destroy();
        return void stream.destroy();
      }
      void forward(rt, { sandboxId: offer.sandboxId, port, data: stream, error: error.stream });
    },
  });
  await session.closed;
  for (const { timeout } of waiting.values()) timeout.cancel();
}

interface Forward {
  sandboxId: string;
  port: number;
  /** The client's end: its half-close is the pod's, and the other way round. */
  data: Duplex;
  error: Writable;
}

/** Connects the client to a port of the pod; resolves when that has ended, with what went wrong said on `error`. */
export async function forward(rt: ForwardRuntime, { sandboxId, port, data, error }: Forward): Promise<void> {
  const sandbox = rt.sandboxes.get(sandboxId);
  if (!sandbox?.pause || sandbox.phase !== 'ready') {
    error.end(`sandbox ${sandboxId} is not running`);
    data.destroy();
    return;
  }
  const connection = sandbox.ip ? connectInside(sandbox.pause.pid, port) : connectOnNode(port);
  connection.toPod.on('error', () => data.unpipe(connection.toPod).resume());
  data.pipe(connection.toPod);
  connection.fromPod.pipe(data);
  data.once('close', () => connection.close());
  const problem = await connection.ended;
  if (problem) {
    const { uid } = sandbox.config.metadata!;
    error.end(
      `error forwarding port ${port} to pod ${sandboxId}, uid ${uid}: failed to execute portforward in network namespace: ${problem}`,
    );
    rt.log.debug({ sandbox: sandboxId, port, problem }, 'port-forward failed');
  } else error.end();
}

/** Connects inside a pod's network namespace. */
function connectInside(pausePid: number, port: number): Connection {
  // Half-closes are carried over: `shut-close` makes the end of what the pod sends visible at once
  // (socat otherwise only shows it when it ends itself), and after that end the rest is not waited
  // for.
  const socat = ['socat', '-b', '65536', '-t', '3600', 'STDIN!!STDOUT,shut-close', `TCP4:127.0.0.1:${port},nodelay`];
  const child = spawn('nsenter', [`--net=/proc/${pausePid}/ns/net`, ...socat], {
    env: commandEnv,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < 1000) complaint += chunk;
  });
  child.stdout.once('end', () => child.kill('SIGTERM'));
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (err) => resolve(err.message));
    child.once('close', () => resolve(findConnectProblem(complaint, port)));
  });
  return { fromPod: child.stdout, toPod: child.stdin, ended, close: () => void child.kill('SIGTERM') };
}

/**
 * What kept socat (or the nsenter before it) from connecting, in the words of other runtimes: `...
 * socat[1] E connect(5, AF=2 127.0.0.1:80, 16): Connection refused`. Null where there was a
 * connection: how it ended is between its ends.
 */
export function findConnectProblem(complaint: string, port: number): string | null {
  const [, connect, enter] = /E connect\(.*\): ([^:\n]+)$|^nsenter: (.+)$/m.exec(complaint) ?? [];
  if (enter) return enter;
  if (!connect) return null;
  return `failed to connect to localhost:${port} inside namespace: dial tcp4 127.0.0.1:${port}: connect: ${connect.trim().toLowerCase()}`;
}

/** Connects in our own namespace, which is that of pods on the node's network. */
function connectOnNode(port: number): Connection {
  // As inside a pod: after the end of what the pod sends the rest is not waited for.
  const socket = connect({ host: '127.0.0.1', port });
  socket.setNoDelay(true);
  let problem: string | null = null;
  let isConnected = false;
  socket.once('connect', () => {
    isConnected = true;
  });
  socket.once('error', (err: NodeJS.ErrnoException) => {
    if (isConnected) return;
    problem = `dial tcp4 127.0.0.1:${port}: connect: ${err.code === 'ECONNREFUSED' ? 'connection refused' : err.message}`;
  });
  const ended = new Promise<string | null>((resolve) => socket.once('close', () => resolve(problem)));
  return { fromPod: socket, toPod: socket, ended, close: () => socket.destroy() };
}
