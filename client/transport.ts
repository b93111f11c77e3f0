// HTTP/2 to the API server: one connection for requests and further ones for watches, reopened when
// they break. A request is sent once; whoever sent it decides whether to try again.
import { constants as bufferConstants } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { afterListening, type Clock, type Timer } from '../machinery/clock.ts';
import type { ClientConfig } from './config.ts';
import { LineSplitter } from './line-splitter.ts';

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query. */
  path: string;
  body?: string;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** Who asks, in place of whom the configuration names. */
  token?: string;
  /** A longer answer is broken off: for what somebody else writes. Unless told otherwise, what fits in no string. */
  maxBytes?: number;
}

export interface HttpResponse {
  status: number;
  body: string;
}

/**
 * The server could not be reached, or the connection broke before the answer: what became of the
 * request is unknown.
 */
export class TransportError extends Error {}

const defaultTimeoutMs = 30_000;
const maxSessionMegabytes = 1024;
const pingPeriodMs = 10_000;
// The server allows a hundred streams a connection.
const maxStreamsPerSession = 90;
/** An event of a watch: two orders above the largest object there can be. */
const maxLineLength = 1 << 28;

export interface TransportOptions {
  userAgent: string;
  clock: Clock;
  /** Of every request: with the status of its answer, or undefined where none came, and after how many milliseconds. */
  onAnswer?: ((request: HttpRequest, status: number | undefined, tookMs: number) => void) | undefined;
}

interface Connection {
  session: ClientHttp2Session;
  streams: number;
}

export class Transport {
  #config: ClientConfig;
  readonly #userAgent: string;
  readonly #clock: Clock;
  readonly #onAnswer: TransportOptions['onAnswer'];
  #requests: Connection | undefined;
  #watches: Connection[] = [];
  #closed = false;

  constructor(config: ClientConfig, options: TransportOptions) {
    this.#config = config;
    this.#onAnswer = options.onAnswer;
    this.#userAgent = options.userAgent;
    this.#clock = options.clock;
  }

  /** Sends a request and reads the whole answer. */
  request(request: HttpRequest): Promise<HttpResponse> {
    this.#requests = usable(this.#requests) ?? this.#open();
    const connection = this.#requests;
    return new Promise((resolve, reject) => {
      const stream = this.#send(connection, request);
      const chunks: Buffer[] = [];
      const { maxBytes = bufferConstants.MAX_STRING_LENGTH } = request;
      let size = 0;
      let status = 0;
      const timer = this.#clock.after(request.timeoutMs ?? defaultTimeoutMs, () => {
        stream.destroy(new TransportError(`no answer in time: ${request.method} ${request.path}`));
      });
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= maxBytes) chunks.push(chunk);
        else stream.destroy(new TransportError(`more than ${maxBytes} bytes: ${request.method} ${request.path}`));
      });
      stream.on('end', () => {
        if (status > 0) resolve({ status, body: Buffer.concat(chunks).toString() });
      });
      stream.on('error', (err) => reject(wrap(err, request)));
      stream.on('close', () => {
        timer.cancel();
        reject(new TransportError(`connection closed: ${request.method} ${request.path}`));
      });
      stream.end(request.body);
    });
  }

  /**
   * Starts a watch: calls `onLine` for every line of the answer. Resolves when the server ends it;
   * rejects when it breaks, or when `onLine` throws.
   */
  stream(request: HttpRequest, onLine: (line: string) => void): Promise<HttpResponse> {
    this.#watches = this.#watches.filter((c) => usable(c));
    let connection = this.#watches.find((c) => c.streams < maxStreamsPerSession);
    if (!connection) {
      connection = this.#open();
      this.#watches.push(connection);
    }
    return new Promise((resolve, reject) => {
      const stream = this.#send(connection, request);
      let status = 0;
      const splitter = new LineSplitter(maxLineLength);
      const refusal: string[] = [];
      stream.setEncoding('utf8');
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
      });
      stream.on('data', (chunk: string) => {
        if (status !== 200) return void refusal.push(chunk);
        const lines = splitter.push(chunk);
        if (!lines) return void stream.destroy(new TransportError(`an event is too long: ${request.path}`));
        try {
          for (const line of lines) onLine(line);
        } catch (err) {
          stream.destroy(err as Error);
        }
      });
      stream.on('end', () => resolve({ status, body: refusal.join('') || splitter.rest() }));
      stream.on('error', (err) => reject(wrap(err, request)));
      stream.on('close', () => reject(new TransportError(`watch closed: ${request.path}`)));
      stream.end();
    });
  }

  #open(): Connection {
    if (this.#closed) throw new TransportError('the client is closed');
    const { server, ca, cert, key } = this.#config;
    // What waits to be sent counts, too: beyond it all that is under way would be refused at once.
    const session = connect(server, { ca, cert, key, maxSessionMemory: maxSessionMegabytes });
    session.unref();
    const connection = { session, streams: 0 };
    session.on('error', () => session.destroy());
    session.on('goaway', () => session.close());
    // A peer that vanished without a word shows itself by not answering pings.
    let timer: Timer;
    const ask = () => {
      if (session.destroyed) return;
      timer = afterListening(this.#clock, pingPeriodMs, () => session.destroy(new Error('no answer to a ping')));
      session.ping(() => {
        timer.cancel();
        timer = this.#clock.after(pingPeriodMs, ask);
      });
    };
    timer = this.#clock.after(pingPeriodMs, ask);
    session.on('close', () => timer.cancel());
    return connection;
  }

  #send(connection: Connection, request: HttpRequest): ClientHttp2Stream {
    const token = request.token ?? this.#config.token;
    const options = request.signal ? { signal: request.signal } : {};
    const stream = connection.session.request(
      {
        [constants.HTTP2_HEADER_METHOD]: request.method,
        [constants.HTTP2_HEADER_PATH]: request.path,
        accept: request.accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      { endStream: false, ...options },
    );
    connection.streams++;
    connection.session.ref();
    const sentMs = this.#clock.monotonicMs();
    const tell = () => this.#onAnswer?.(request, status, this.#clock.monotonicMs() - sentMs);
    let status: number | undefined;
    stream.once('response', (headers) => {
      status = Number(headers[constants.HTTP2_HEADER_STATUS]);
      tell();
    });
    stream.on('close', () => {
      if (status === undefined) tell();
      if (--connection.streams === 0) connection.session.unref();
    });
    return stream;
  }

  /** Connections show this certificate from now on. Those that are open end when what is under way on them has. */
  present({ cert, key }: { cert: Buffer; key: Buffer }): void {
    this.#config = { ...this.#config, cert, key };
    for (const c of [this.#requests, ...this.#watches]) c?.session.close();
  }

  close(): void {
    this.#closed = true;
    for (const c of [this.#requests, ...this.#watches]) c?.session.destroy();
  }
}

function usable(connection: Connection | undefined): Connection | undefined {
  return connection && !connection.session.closed && !connection.session.destroyed ? connection : undefined;
}

function wrap(err: Error, request: HttpRequest): Error {
  if (err.name === 'AbortError' || err instanceof TransportError) return err;
  return new TransportError(`${request.method} ${request.path}: ${err.message}`, { cause: err });
}
