// The streaming server: exec, attach and port-forward at URLs that work once. It speaks WebSocket, which kubectl uses
// today, and SPDY/3.1, which older clients and CRI tools use; the kubelet and the API server only pass the bytes on.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '../../../machinery/errors.ts';
import { renderAnswerHead } from '../../../machinery/http-text.ts';
import type { Runtime } from '../runtime.ts';
import { type AttachOffer, runAttach } from './attach-session.ts';
import { type CommandStatus, type CommandStreams, failureStatus } from './command-streams.ts';
import { type ExecOffer, runExec } from './exec-session.ts';
import { portChannelProtocols, runPortChannels } from './port-forward-channels.ts';
import { type PortForwardOffer, portForwardProtocol, runPortForward } from './port-forward-session.ts';
import { openSpdyStreams, spdyCommandProtocols } from './spdy-streams.ts';
import { answerPings } from './websocket-channels.ts';
import { commandProtocols, openWebSocketStreams } from './websocket-streams.ts';

export type StreamOffer = ExecOffer | AttachOffer | PortForwardOffer;

export type StreamServer = Awaited<ReturnType<typeof createStreamServer>>;

type StreamRuntime = Omit<Runtime, 'streams'>;

const offerLifetimeMs = 60_000;
// As Kubernetes' servers: the size of a message, and of a request's head, where a command stands
// (it is passed on with it).
const maxMessageBytes = 32 << 20;
const httpLimits = { maxHeaderSize: 1 << 20, headersTimeout: 30_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 };

export interface StreamServerOptions {
  address: string;
  /** A session on whose connection nothing moves for so long is ended. Upstream: streaming-connection-idle-timeout. */
  idleTimeoutMs: number;
}
const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`;

export async function createStreamServer(rt: StreamRuntime, { address, idleTimeoutMs }: StreamServerOptions) {
  const offers = new Map<string, StreamOffer>();
  const sockets = new Set<Duplex>();
  const webSockets = createWebSocketServer(idleTimeoutMs);
  const server = createServer(httpLimits, (_req, res) => {
    res.statusCode = 400;
    res.end('unable to upgrade: missing upgrade headers in request\n');
  });
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (err) => rt.log.debug({ err }, 'a streaming connection broke'));
    const [, kind, token = ''] = /^\/(\w+)\/([\w-]+)/.exec(req.url ?? '') ?? [];
    const offer = offers.get(token);
    offers.delete(token);
    if (!offer || offer.kind !== kind) return reject(socket, '404 Not Found', 'no such session: it may have expired');
    serve(rt, { offer, req, socket: socket as Socket, head, webSockets, idleTimeoutMs }).catch((err) => {
      rt.log.warn({ err, kind }, 'a streaming session failed');
      socket.destroy();
    });
  });
  const port = await listen(server, address);
  return {
    /** Makes a URL for one session, to be used within a minute. */
    offer(offer: StreamOffer): string {
      const token = randomBytes(24).toString('base64url');
      offers.set(token, offer);
      rt.clock.after(offerLifetimeMs, () => offers.delete(token));
      return `http://${address.includes(':') ? `[${address}]` : address}:${port}/${offer.kind}/${token}`;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      webSockets.close();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, fail) => {
    server.once('error', fail);
    server.listen(0, address, () => resolve((server.address() as AddressInfo).port));
  });
}

interface Session {
  offer: StreamOffer;
  req: IncomingMessage;
  socket: Socket;
  head: Buffer;
  webSockets: WebSocketServer;
  idleTimeoutMs: number;
}

/** Bytes in either direction count, and a client that makes us wait for the next ones does not. */
const endWhenIdle = ({ socket, idleTimeoutMs }: Session) => socket.setTimeout(idleTimeoutMs, () => socket.destroy());

function reject(socket: Duplex, status: string, message: string): void {
  socket.end(renderAnswerHead(status, {}, message) + message);
}

const splitList = (value: string | string[] | undefined) =>
  [value ?? []]
    .flat()
    .flatMap((v) => v.split(','))
    .map((v) => v.trim())
    .filter((v) => v !== '');

function serve(rt: StreamRuntime, session: Session): Promise<void> {
  const upgrade = (session.req.headers.upgrade ?? '').toLowerCase();
  if (upgrade === 'websocket') return serveWebSocket(rt, session);
  if (upgrade === 'spdy/3.1') return serveSpdy(rt, session);
  reject(session.socket, '400 Bad Request', `unable to upgrade: "${upgrade}" is neither websocket nor spdy/3.1`);
  return Promise.resolve();
}

async function serveSpdy(rt: StreamRuntime, session: Session): Promise<void> {
  const { offer, req, socket, head } = session;
  const offered = splitList(req.headers['x-stream-protocol-version']);
  const known = offer.kind === 'portforward' ? [portForwardProtocol] : spdyCommandProtocols;
  const protocol = known.find((p) => offered.includes(p));
  if (!protocol) {
    const message = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`;
    return reject(socket, '403 Forbidden', message);
  }
  const headers = ['Connection: Upgrade', 'Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${protocol}`];
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  endWhenIdle(session);
  if (offer.kind === 'portforward') return runPortForward(rt, offer, socket);
  await runCommandSession(rt, offer, await openSpdyStreams(socket, offer, rt.clock));
}

async function serveWebSocket(rt: StreamRuntime, session: Session): Promise<void> {
  const { offer, req, socket } = session;
  const offered = splitList(req.headers['sec-websocket-protocol']);
  const isForward = offer.kind === 'portforward';
  const known = isForward ? [tunnelProtocol, ...Object.keys(portChannelProtocols)] : Object.keys(commandProtocols);
  const protocol = offered.length === 0 ? '' : known.find((p) => offered.includes(p));
  if (protocol === undefined) {
    const message = `unable to upgrade: client supports [${offered.join(' ')}], server accepts [${known.filter(Boolean).join(' ')}]`;
    return reject(socket, '400 Bad Request', message);
  }
  if (isForward && protocol !== tunnelProtocol && offer.ports.length === 0) {
    return reject(socket, '400 Bad Request', 'query parameter "port" is required');
  }
  const channelProtocol = portChannelProtocols[protocol];
  if (isForward && channelProtocol && offer.ports.length > channelProtocol.maxPorts) {
    return reject(socket, '400 Bad Request', `a connection has room for ${channelProtocol.maxPorts} ports`);
  }
  const ws = await upgradeToWebSocket(session, protocol);
  endWhenIdle(session);
  // A client that breaks the protocol is told so by the close that is on its way, and not waited for.
  ws.once('error', () => socket.destroySoon());
  if (!isForward)
    return runCommandSession(rt, offer, openWebSocketStreams({ ws, socket }, commandProtocols[protocol]!, offer));
  if (protocol !== tunnelProtocol)
    return runPortChannels(rt, offer, { ws, socket, ...portChannelProtocols[protocol]! });
  answerPings(ws);
  const tunnel = createWebSocketStream(ws);
  tunnel.on('error', (err) => rt.log.debug({ err }, 'a port-forward tunnel broke'));
  return runPortForward(rt, offer, tunnel);
}

const chosenProtocols = new WeakMap<IncomingMessage, string>();

/**
 * A server that answers with the subprotocol chosen. `ws` rejects those with a slash in them, which
 * the tunnel's has (it is no token of HTTP's grammar): they are hidden from it.
 */
function createWebSocketServer(closeTimeout: number): WebSocketServer {
  // `closeTimeout`: a slow client is a long way behind when we close, and hears of it in its own time.
  const options: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    closeTimeout,
    autoPong: false, // see answerPings
  };
  const server = new WebSocketServer(options);
  server.on('headers', (headers: string[], req: IncomingMessage) => {
    const protocol = chosenProtocols.get(req);
    if (protocol) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  return server;
}

function upgradeToWebSocket({ webSockets, req, socket, head }: Session, protocol: string): Promise<WebSocket> {
  delete req.headers['sec-websocket-protocol'];
  chosenProtocols.set(req, protocol);
  return new Promise((resolve) => webSockets.handleUpgrade(req, socket, head, resolve));
}

async function runCommandSession(
  rt: StreamRuntime,
  offer: ExecOffer | AttachOffer,
  streams: CommandStreams,
): Promise<void> {
  let status: CommandStatus;
  try {
    status = offer.kind === 'exec' ? await runExec(rt, offer, streams) : await runAttach(rt, offer, streams);
  } catch (err) {
    rt.log.warn({ err, kind: offer.kind }, 'a streaming session failed');
    status = failureStatus(messageOf(err));
  }
  await streams.finish(status);
}
