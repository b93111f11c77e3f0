// The HTTP front: HTTP/2 and HTTP/1.1 with TLS on one port, with the bounds that keep one client
// from stopping the others. It hands every request to one handler before its body is read, and
// writes the answer. Upstream: apiserver's secure serving.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, createSecureServer, type Http2SecureServer, type Http2ServerResponse } from 'node:http2';
import { createServer, type ListenOptions, type Server as NetServer } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../machinery/clock.ts';
import { type Body, piecesOf, sizeOf } from './body.ts';
import { Connections, headersMs, idleMs } from './connections.ts';
import { isTooLong, lingerMs, maxHeaderBytes, maxHeaderListBytes, refuseUnread, tooLong } from './head-limits.ts';
import { announcesBody, BodyBudget, type Incoming, IncomingBody, type RequestBody } from './request-body.ts';

export interface FrontRequest {
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: RequestBody;
  socket: TLSSocket | undefined;
  /** For long-running answers: the response as it is, with everything already written by the caller. */
  raw: RawResponse;
}

/** HTTP's own response, or what stands in its place. */
export interface RawResponse extends Writable {
  writeHead(code: number, headers?: Record<string, string>): unknown;
  flushHeaders?(): void;
  /** Goes with the head, whoever writes it. */
  setHeader?(name: string, value: string | string[]): unknown;
  readonly statusCode?: number;
  readonly headersSent?: boolean;
}

export interface FrontResponse {
  code: number;
  headers: Record<string, string | string[]>;
  body: Body | string;
}

interface FrontHandlers {
  /** Answers a request, or takes it over by returning undefined. Never rejects. */
  request(request: FrontRequest): Promise<FrontResponse | undefined>;
  /** A connection that asks to speak another protocol. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface FrontTls {
  key: Buffer;
  cert: Buffer;
  /** Of clients. */
  ca: Buffer | Buffer[];
}

export interface FrontOptions {
  clock: Clock;
  tls: FrontTls;
  addresses: string[];
  port: number;
  /** Other processes take connections at the same addresses and port. */
  isPortShared?: boolean;
  /** A connection has come to nothing before it could ask for something. */
  onHandshakeError?(): void;
  /** An answer could not be written: a bug, which ends this one request and no other. */
  onFailure?(err: unknown): void;
}

export interface Front {
  /** New connections see and are judged by these. Throws for what does not fit together, and goes on as before. */
  secure(tls: FrontTls): void;
  /**
   * Takes no more connections, lets the requests under way be answered within `drainMs`, ends what streams, and frees
   * everything.
   */
  close(drainMs: number): Promise<void>;
}

type Response = (ServerResponse | Http2ServerResponse) & Writable;

const maxStreamsPerSession = 100;
const maxHeaderPairs = 10_000;
/** Enough for every stream to have a window of bytes that nobody has read yet, and for answers to several large lists. */
const maxSessionMegabytes = 256;
const maxBodyBytes = 256 * 1024 * 1024;

/** Listens on every address. Rejects when one of them cannot be had. */
export async function serveFront(options: FrontOptions, handlers: FrontHandlers): Promise<Front> {
  const { clock } = options;
  const server = createServerOf(options.tls);
  const connections = new Connections(server, clock);
  const underWay = new UnderWay(clock);
  const budget = new BodyBudget(maxBodyBytes);
  let isClosing = false;
  const onRequest = (message: Incoming, response: Response, expectsContinue: boolean) => {
    // Many a stream is reset before its turn comes.
    if ('stream' in message && message.stream.destroyed) return;
    message.on('error', () => undefined);
    response.on('error', () => undefined);
    endLingering(clock, message, response);
    if (isClosing && !('stream' in message)) response.setHeader('connection', 'close');
    if ('stream' in message && isTooLong(message)) return write(clock, { message, response }, tooLong);
    const body = new IncomingBody(message, {
      clock,
      budget,
      onRead: () => expectsContinue && response.writeContinue(),
      onOver: (fn) => response.once('close', fn),
    });
    const work = handlers.request({
      method: message.method ?? 'GET',
      url: message.url ?? '/',
      headers: message.headers,
      body,
      socket: ('stream' in message ? message.stream.session?.socket : message.socket) as TLSSocket | undefined,
      raw: response as RawResponse,
    });
    underWay
      .track(work, response)
      .then((answer) => answer && write(clock, { message, response }, answer))
      .catch((err) => {
        options.onFailure?.(err);
        if ('stream' in message) message.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        else response.destroy();
      });
  };
  server.on('request', (message, response) => onRequest(message, response as Response, false));
  server.on('checkContinue', (message, response) => onRequest(message, response as Response, true));
  server.on('upgrade', handlers.upgrade);
  server.on('clientError', (err, socket) => refuseUnread(clock, err, socket));
  server.on('tlsClientError', () => options.onHandshakeError?.());
  server.on('sessionError', () => undefined); // the session has been closed
  const [first = '127.0.0.1', ...others] = options.addresses;
  const { port, isPortShared: reusePort = false } = options;
  await listen(server, { port, host: first, reusePort });
  const extra = await Promise.all(others.map((host) => listenAlso({ port, host, reusePort }, server)));
  return {
    secure: (tls) => server.setSecureContext(tls),
    async close(drainMs) {
      isClosing = true;
      for (const also of extra) also.close();
      server.close();
      connections.drain();
      await underWay.end(drainMs);
      await connections.end();
    },
  };
}

function createServerOf(tls: FrontOptions['tls']): Http2SecureServer {
  const server = createSecureServer({
    settings: {
      maxConcurrentStreams: maxStreamsPerSession,
      maxHeaderListSize: maxHeaderListBytes,
      // All headers may come in one frame: of continuations only a few are taken.
      maxFrameSize: maxHeaderListBytes,
    },
    maxHeaderListPairs: maxHeaderPairs,
    maxSessionMemory: maxSessionMegabytes,
    handshakeTimeout: headersMs,
    allowHTTP1: true,
    ...tls,
    requestCert: true,
    rejectUnauthorized: false,
  });
  // As options this server does not take those of HTTP/1.1.
  return Object.assign(server, {
    maxHeaderSize: maxHeaderBytes,
    maxHeadersCount: maxHeaderPairs,
    keepAliveTimeout: idleMs,
    headersTimeout: headersMs,
    // Of bodies the time is limited where they are read; a long answer has no limit.
    requestTimeout: 0,
  });
}

function write(
  clock: Clock,
  { message, response }: { message: Incoming; response: Response },
  { code, headers, body }: FrontResponse,
): void {
  if (response.destroyed || response.writableEnded) return;
  const pieces = piecesOf(body);
  const all = { 'cache-control': 'no-cache, private', ...headers };
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
  if (code !== 304) response.setHeader('content-length', sizeOf(pieces));
  response.statusCode = code;
  const mayEnd = 'stream' in message || message.complete || !announcesBody(message);
  writePieces(response, pieces, (last) => {
    if (mayEnd) return void response.end(last);
    // A connection that were closed while its client still sends would take the answer along.
    response.write(last);
    discardBody(clock, message, () => response.end());
  });
}

/** Writes as fast as the client reads; what comes last is for `end`. */
function writePieces(response: Response, pieces: readonly Buffer[], end: (last: Buffer) => void): void {
  const last = pieces.length - 1;
  let next = 0;
  const goOn = () => {
    while (next < last) if (!response.write(pieces[next++]!)) return void response.once('drain', goOn);
    end(pieces[last]!);
  };
  goOn();
}

/**
 * A client that has its answer while it is still sending is asked to stop; what comes anyway is
 * thrown away, for a while.
 */
function endLingering(clock: Clock, message: Incoming, response: Response): void {
  if (!announcesBody(message)) return;
  response.once('finish', () => {
    if (!('stream' in message)) discardBody(clock, message, () => undefined);
    else if (!message.stream.destroyed) message.stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

/** Calls `done` when the body has come to its end, or its connection has. */
function discardBody(clock: Clock, message: IncomingMessage, done: () => void): void {
  if (message.complete) {
    done();
    return;
  }
  const timer = clock.after(lingerMs, () => message.socket.destroy());
  const end = () => {
    timer.cancel();
    done();
  };
  message.once('end', end);
  message.once('close', end);
  message.resume();
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
  async track(work: Promise<FrontResponse | undefined>, raw: Response): Promise<FrontResponse | undefined> {
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

function listen(server: Http2SecureServer, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A further address whose connections are handed to the one server. */
function listenAlso(at: ListenOptions, server: { emit(event: string, socket: unknown): boolean }): Promise<NetServer> {
  const net = createServer((socket) => server.emit('connection', socket));
  return new Promise((resolve, reject) => {
    net.once('error', reject);
    net.listen(at, () => resolve(net));
  });
}
