// The HTTP front: fastify over HTTP/2 and HTTP/1.1 with TLS, one catch-all route. fastify's defaults that clash with Kubernetes are set here:
// long names, body limit, any content type, prototype keys, no GOAWAY for idle connections.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, ServerHttp2Session } from 'node:http2';
import { createServer, type Server as NetServer } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyError, type FastifyReply } from 'fastify';
import type { Clock } from '../../machinery/clock.ts';

export interface FrontRequest {
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  socket: TLSSocket | undefined;
  /** For long-running answers: the response as it is, with everything already written by the caller. */
  raw: RawResponse;
}

/** HTTP's own response, or what stands in its place. */
export interface RawResponse extends Writable {
  writeHead(code: number, headers?: Record<string, string>): unknown;
  flushHeaders?(): void;
}

export interface FrontResponse {
  code: number;
  headers: Record<string, string | string[]>;
  body: Buffer | string;
}

export interface FrontHandlers {
  /** Answers a request, or takes it over by returning undefined. */
  request(request: FrontRequest): Promise<FrontResponse | undefined>;
  /** A connection that asks to speak another protocol. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface FrontOptions {
  clock: Clock;
  tls: { key: Buffer; cert: Buffer; clientCa: Buffer };
  addresses: string[];
  port: number;
}

export interface Front {
  /** Takes no more requests, lets those under way be answered, ends what streams, and frees everything. */
  close(): Promise<void>;
}

const bodyLimitBytes = 3 * 1024 * 1024;
// A client hears of a refusal only once it has sent its body; beyond this much it is cut off.
const readLimitBytes = 64 * 1024 * 1024;
const maxStreamsPerSession = 100;
const neverMs = 2 ** 31 - 1;
// How long requests under way may still take when the server ends.
const drainMs = 5_000;
const keepAliveMs = 30_000;

/** Listens on every address. Rejects when one of them cannot be had. */
export async function serveFront(options: FrontOptions, handlers: FrontHandlers): Promise<Front> {
  const { tls } = options;
  const app = fastify({
    http2: true,
    http2SessionTimeout: neverMs,
    https: {
      allowHTTP1: true,
      key: tls.key,
      cert: tls.cert,
      ca: tls.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      settings: { maxConcurrentStreams: maxStreamsPerSession },
    },
    logger: false,
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: false },
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    exposeHeadRoutes: false,
    frameworkErrors: (err, _request, reply) => sendStatus(err, reply as unknown as FastifyReply),
    forceCloseConnections: true,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => readBody(payload, done));
  const sockets = new Set<TLSSocket>();
  app.server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    // A client that is gone without a word would keep its watches.
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('close', () => sockets.delete(socket));
  });
  const sessions = new Set<ServerHttp2Session>();
  app.server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  app.setErrorHandler((err: FastifyError, _request, reply) => sendStatus(err, reply as unknown as FastifyReply));
  const underWay = new UnderWay(options.clock);
  app.all('/*', async (request, reply) => {
    const raw = request.raw as unknown as IncomingMessage & Http2ServerRequest;
    const work = handlers.request({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      socket: (raw.stream?.session?.socket ?? raw.socket) as TLSSocket | undefined,
      raw: reply.raw as unknown as ServerResponse,
    });
    const response = await underWay.track(work, reply.raw as unknown as ServerResponse);
    if (!response) return reply.hijack();
    reply.code(response.code);
    for (const [name, value] of Object.entries(response.headers)) reply.header(name, value);
    return reply.send(typeof response.body === 'string' ? Buffer.from(response.body) : response.body);
  });
  app.server.on('upgrade', handlers.upgrade);
  const [first, ...others] = options.addresses;
  await app.listen({ host: first ?? '127.0.0.1', port: options.port });
  const extra = await Promise.all(others.map((address) => listenAlso(address, options.port, app.server)));
  return {
    async close() {
      for (const server of extra) server.close();
      app.server.close();
      for (const session of sessions) session.close();
      await underWay.end(drainMs);
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await app.close();
    },
  };
}

/** What fastify refuses by itself - a URL that cannot be decoded, a body that is too large - as a Status. */
function sendStatus(err: FastifyError, reply: FastifyReply): void {
  const code = err.statusCode ?? 500;
  const { message } = err;
  const reason = code === 413 ? 'RequestEntityTooLarge' : code === 400 ? 'BadRequest' : 'InternalError';
  void reply
    .code(code)
    .header('content-type', 'application/json')
    .send(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }));
}

/** The requests that are owed an answer; streams are not. */
class UnderWay {
  readonly #clock: Clock;
  #count = 0;
  #onNone: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a request until its answer is written, or has become a stream. */
  async track(work: Promise<FrontResponse | undefined>, raw: ServerResponse): Promise<FrontResponse | undefined> {
    this.#count++;
    let isDone = false;
    const done = () => {
      if (isDone) return;
      isDone = true;
      if (--this.#count === 0) this.#onNone?.();
    };
    raw.once('close', done);
    const response = await work;
    if (!response) done();
    return response;
  }

  /** Waits until there is none, but not for ever. */
  end(deadlineMs: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(deadlineMs, resolve);
      this.#onNone = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** Collects a body; one that is too large is read to its end, dropped and refused with 413. */
function readBody(payload: Readable, done: (err: Error | null, body?: Buffer) => void): void {
  const tooLarge = Object.assign(new Error(`Request entity too large: limit is ${bodyLimitBytes}`), {
    statusCode: 413,
  });
  let chunks: Buffer[] = [];
  let length = 0;
  payload.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= bodyLimitBytes) chunks.push(chunk);
    else chunks = [];
    if (length > readLimitBytes) payload.destroy(tooLarge);
  });
  payload.on('end', () => (length > bodyLimitBytes ? done(tooLarge) : done(null, Buffer.concat(chunks))));
  payload.on('error', (err) => done(err));
}

/** A further address whose connections are handed to the one server. */
function listenAlso(
  address: string,
  port: number,
  server: { emit(event: string, socket: unknown): boolean },
): Promise<NetServer> {
  const net = createServer((socket) => server.emit('connection', socket));
  return new Promise((resolve, reject) => {
    net.once('error', reject);
    net.listen(port, address, () => resolve(net));
  });
}
