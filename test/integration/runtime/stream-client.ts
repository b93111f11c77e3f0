// Clients of the streaming server, as kubectl is one: exec and attach over WebSocket and SPDY, port-forward tunnelled.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocket } from 'ws';
import { SpdySession } from '../../../kubelet/runtime/stream/spdy-session.ts';
import type { TestNode } from './test-node.ts';

export interface CommandResult {
  stdout: string;
  stderr: string;
  status: { status: string; reason?: string; message?: string; details?: { causes: { message: string }[] } };
}

export interface CommandSession {
  send(text: string): void;
  closeStdin(): void;
  resize(width: number, height: number): void;
  /** Resolves when the output so far matches. */
  until(pattern: RegExp): Promise<void>;
  result: Promise<CommandResult>;
  /** Drops the connection. */
  drop(): void;
}

/** Rewrites a URL of the node's loopback to one of ours. */
async function reach(node: TestNode, url: string): Promise<{ url: URL; close(): void }> {
  const at = new URL(url);
  const { port, close } = await node.forward(Number(at.port));
  at.port = String(port);
  return { url: at, close };
}

const webSocketUrl = (url: URL) => url.href.replace('http:', 'ws:');

function createCollector() {
  const out = { stdout: '', stderr: '', status: '' };
  const waiting: { pattern: RegExp; resolve: () => void }[] = [];
  const check = () => {
    for (const w of [...waiting]) if (w.pattern.test(out.stdout)) waiting.splice(waiting.indexOf(w), 1)[0]!.resolve();
  };
  return {
    out,
    take(name: keyof typeof out, chunk: Buffer) {
      out[name] += chunk;
      check();
    },
    until: (pattern: RegExp) =>
      new Promise<void>((resolve) => {
        waiting.push({ pattern, resolve });
        check();
      }),
    result: (): CommandResult => ({ ...out, status: JSON.parse(out.status || '{"status":"none"}') }),
  };
}

/** Joins an exec or attach URL over WebSocket, protocol v5. */
export async function openWebSocketCommand(node: TestNode, offered: string): Promise<CommandSession> {
  const { url, close } = await reach(node, offered);
  const ws = new WebSocket(webSocketUrl(url), ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
  const collector = createCollector();
  ws.on('message', (raw: Buffer) => {
    const name = ([undefined, 'stdout', 'stderr', 'status'] as const)[raw[0]!];
    if (name) collector.take(name, raw.subarray(1));
  });
  const result = new Promise<CommandResult>((resolve, reject) => {
    ws.once('error', reject);
    ws.once('close', () => {
      close();
      resolve(collector.result());
    });
  });
  // A failed handshake is reported below.
  result.catch(() => undefined);
  await new Promise((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  return {
    send: (text) => ws.send(Buffer.concat([Buffer.from([0]), Buffer.from(text)])),
    closeStdin: () => ws.send(Buffer.from([255, 0])),
    resize: (Width, Height) =>
      ws.send(Buffer.concat([Buffer.from([4]), Buffer.from(JSON.stringify({ Width, Height }))])),
    until: collector.until,
    result,
    drop: () => ws.terminate(),
  };
}

/** What a WebSocket with this subprotocol (none: undefined) is sent until it is closed, as channel and text. */
export async function collectChannels(
  node: TestNode,
  offered: string,
  { protocol, send = [] }: { protocol: string | undefined; send?: readonly (string | Buffer)[] },
): Promise<{ protocol: string; messages: [number, string][] }> {
  const { url, close } = await reach(node, offered);
  const ws = new WebSocket(webSocketUrl(url), protocol === undefined ? [] : [protocol]);
  const messages: [number, string][] = [];
  ws.on('message', (raw: Buffer, isBinary: boolean) => {
    if (isBinary) messages.push([raw[0]!, raw.toString('latin1', 1)]);
    else
      messages.push([Number(raw.toString('latin1', 0, 1)), String(Buffer.from(raw.toString('latin1', 1), 'base64'))]);
  });
  ws.on('open', () => {
    for (const message of send) ws.send(message);
  });
  try {
    await new Promise((resolve, reject) => {
      ws.once('error', reject);
      ws.once('close', resolve);
    });
  } finally {
    close();
  }
  return { protocol: ws.protocol, messages };
}

async function upgradeToSpdy(url: URL, protocol: string): Promise<Duplex> {
  const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol };
  const req = request(url, { method: 'POST', headers });
  req.end();
  return new Promise((resolve, reject) => {
    req.once('error', reject);
    req.once('response', (res) => reject(new Error(`answered ${res.statusCode}`)));
    req.once('upgrade', (_res, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
  });
}

/** Joins an exec or attach URL over SPDY, protocol v4. */
export async function openSpdyCommand(node: TestNode, offered: string, streams: string[]): Promise<CommandSession> {
  const { url, close } = await reach(node, offered);
  const session = new SpdySession(await upgradeToSpdy(url, 'v4.channel.k8s.io'), {
    role: 'client',
    onStream: () => undefined,
  });
  const collector = createCollector();
  const open = Object.fromEntries(['error', ...streams].map((t) => [t, session.open({ streamtype: t })]));
  for (const stream of Object.values(open)) stream.on('error', () => undefined);
  open.error!.on('data', (chunk) => collector.take('status', chunk));
  open.stdout?.on('data', (chunk) => collector.take('stdout', chunk));
  open.stderr?.on('data', (chunk) => collector.take('stderr', chunk));
  return {
    send: (text) => void open.stdin!.write(text),
    closeStdin: () => void open.stdin!.end(),
    resize: (Width, Height) => void open.resize!.write(`${JSON.stringify({ Width, Height })}\n`),
    until: collector.until,
    result: session.closed.then(() => {
      close();
      return collector.result();
    }),
    drop: () => session.close(),
  };
}

export interface PortForwardClient {
  /** Opens a connection to a port; the error stream's text comes with its end. */
  connect(port: number): { data: Duplex; error: Promise<string> };
  close(): void;
}

/** Opens a port-forward URL, tunnelled in WebSocket or over plain SPDY. */
export async function openPortForward(node: TestNode, offered: string, tunnelled: boolean): Promise<PortForwardClient> {
  const { url, close } = await reach(node, offered);
  const socket = tunnelled ? await openTunnel(url) : await upgradeToSpdy(url, 'portforward.k8s.io');
  const session = new SpdySession(socket, { role: 'client', onStream: () => undefined });
  let requests = 0;
  return {
    connect(port) {
      const headers = { port: String(port), requestid: String(requests++) };
      const errorStream = session.open({ ...headers, streamtype: 'error' });
      errorStream.end();
      const data = session.open({ ...headers, streamtype: 'data' });
      data.on('error', () => undefined);
      let text = '';
      errorStream.on('data', (chunk) => {
        text += chunk;
      });
      return { data, error: new Promise((resolve) => errorStream.once('end', () => resolve(text))) };
    },
    close: () => {
      session.close();
      close();
    },
  };
}

/** `ws` refuses the protocol's slash as a client too, so the handshake is made by hand. */
function openTunnel(url: URL): Promise<Duplex> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'SPDY/3.1+portforward.k8s.io',
  };
  const req = request(url, { headers });
  req.end();
  return new Promise((resolve, reject) => {
    req.once('error', reject);
    req.once('response', (res) => reject(new Error(`answered ${res.statusCode}`)));
    req.once('upgrade', (res, socket, head) => {
      if (res.headers['sec-websocket-protocol'] !== 'SPDY/3.1+portforward.k8s.io')
        reject(new Error('wrong subprotocol'));
      const ws = new WebSocket(null as unknown as string, undefined, {});
      // Without an address `ws` takes the server's part; ours is the client's, which masks its frames.
      const internals = ws as unknown as { _isServer: boolean; setSocket(s: Duplex, head: Buffer, o: object): void };
      internals._isServer = false;
      internals.setSocket(socket, head, { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false });
      resolve(createWebSocketStream(ws));
    });
  });
}
