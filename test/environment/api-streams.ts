// Streams through the API server as its clients open them, with every byte in the hands of the
// test: exec and attach over WebSocket and SPDY, port-forward tunnelled and not, logs.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { type Duplex, Readable, Writable } from 'node:stream';
import { createWebSocketStream, WebSocket } from 'ws';
import { SpdySession } from '../../kubelet/runtime/stream/spdy-session.ts';
import type { Kubectl } from './kubectl.ts';

export interface ApiClient {
  url: string;
  tls: { ca: Buffer; cert: Buffer; key: Buffer };
}

export function apiClientOf(kubectl: Kubectl): ApiClient {
  const { clusters, users } = kubectl.json('config', 'view', '--raw', '--minify');
  const bytes = (text: string) => Buffer.from(text, 'base64');
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  return { url: server, tls: { ca: bytes(ca), cert: bytes(cert), key: bytes(key) } };
}

export type CommandProtocol = 'v5.channel.k8s.io' | 'v4.channel.k8s.io' | 'SPDY';
export type ForwardProtocol = 'SPDY' | 'tunnel';

export interface CommandStreams {
  stdin: Writable;
  stdout: Readable;
  /** The Status, once the session is over. */
  ended: Promise<{ status: string; message?: string }>;
  /** Breaks the connection in the middle. */
  reset(): void;
}

const parseStatus = (text: string) => JSON.parse(text || '{"status":"none"}');

/** Opens exec or attach at a path with its query. */
export async function openCommand(api: ApiClient, path: string, protocol: CommandProtocol): Promise<CommandStreams> {
  if (protocol === 'SPDY') return openSpdyCommand(api, path);
  const ws = new WebSocket(`${api.url.replace('https', 'wss')}${path}`, protocol, api.tls);
  const stdout = new Readable({ read: () => ws.readyState === ws.OPEN && ws.resume() });
  let status = '';
  ws.on('message', (raw: Buffer) => {
    if (raw[0] === 3) status += raw.subarray(1);
    if (raw[0] === 1 && raw.length > 1 && !stdout.push(raw.subarray(1))) ws.pause();
  });
  await once(ws, 'open');
  ws.on('error', () => undefined);
  const ended = once(ws, 'close').then(() => {
    stdout.push(null);
    return parseStatus(status);
  });
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => ws.send(Buffer.concat([Buffer.from([0]), chunk]), () => done()),
    final: (done) => ws.send(Buffer.from([255, 0]), () => done()),
  });
  return { stdin, stdout, ended, reset: () => ws.terminate() };
}

async function openSpdyCommand(api: ApiClient, path: string): Promise<CommandStreams> {
  const query = new URL(path, api.url).searchParams;
  const socket = await upgrade(api, path, { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' });
  const session = new SpdySession(socket, { role: 'client', onStream: () => undefined });
  const open = (streamtype: string) => session.open({ streamtype }).on('error', () => undefined);
  const error = open('error');
  const stdin = query.has('stdin') ? open('stdin') : new Writable();
  const stdout = open('stdout');
  let status = '';
  error.on('data', (chunk) => (status += chunk));
  const closed = session.closed;
  // Read to its end before the session ends with it.
  const ended = once(error, 'end').then(
    () => parseStatus(status),
    () => closed.then(() => parseStatus(status)),
  );
  void ended.then(() => stdout.once('end', () => session.close()));
  return { stdin, stdout, ended, reset: () => socket.destroy() };
}

/** Opens a port-forward; each connection is a pair of streams. */
export async function openForward(api: ApiClient, path: string, protocol: ForwardProtocol) {
  const headers = { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'portforward.k8s.io' };
  const socket = protocol === 'SPDY' ? await upgrade(api, path, headers) : await openTunnel(api, path);
  const session = new SpdySession(socket, { role: 'client', onStream: () => undefined });
  let requests = 0;
  return {
    connect(port: number): Duplex {
      const pair = { port: String(port), requestid: String(requests++) };
      session
        .open({ ...pair, streamtype: 'error' })
        .on('error', () => undefined)
        .resume()
        .end();
      return session.open({ ...pair, streamtype: 'data' }).on('error', () => undefined);
    },
    reset: () => socket.destroy(),
    close: () => session.close(),
  };
}

/** A log as a stream. */
export async function openLog(api: ApiClient, path: string): Promise<Readable & { reset(): void }> {
  const req = request(new URL(path, api.url), { ...api.tls, agent: false });
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  if (res.statusCode !== 200) throw new Error(`the log was answered with ${res.statusCode}`);
  return Object.assign(res, { reset: () => req.destroy() });
}

async function upgrade(api: ApiClient, path: string, headers: Record<string, string>): Promise<Duplex> {
  const options: RequestOptions = { ...api.tls, agent: false, headers: { Connection: 'Upgrade', ...headers } };
  const req = request(new URL(path, api.url), { ...options, method: headers.Upgrade === 'websocket' ? 'GET' : 'POST' });
  req.end();
  return new Promise((resolve, reject) => {
    req.once('error', reject);
    req.once('response', (res) => reject(new Error(`answered ${res.statusCode}`)));
    req.once('upgrade', (_res, socket, head) => {
      socket.on('error', () => undefined);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
  });
}

/** `ws` refuses the subprotocol's slash, so the handshake is made by hand. */
async function openTunnel(api: ApiClient, path: string): Promise<Duplex> {
  const socket = await upgrade(api, path, {
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'SPDY/3.1+portforward.k8s.io',
  });
  const ws = new WebSocket(null as unknown as string, undefined, {});
  // Without an address `ws` takes the server's part; ours is the client's, which masks its frames.
  const internals = ws as unknown as { _isServer: boolean; setSocket(s: Duplex, head: Buffer, o: object): void };
  internals._isServer = false;
  const options = { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false };
  internals.setSocket(socket, Buffer.alloc(0), options);
  return createWebSocketStream(ws).on('error', () => undefined);
}
