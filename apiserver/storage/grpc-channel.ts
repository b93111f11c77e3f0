// One connection to a gRPC server: calls with one answer, and streams. No retries, no balancing, no interceptors: who
// calls knows what may be sent twice, and where. The general client spends three times as much on a call.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { afterListening, type Clock, type Timer } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';

/** How a call ended, other than well. */
export class GrpcError extends Error {
  readonly code: number;

  /** `code` is one of `grpcCodes`; the message is the server's. */
  constructor(code: number, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The call was not sent, or certainly not looked at: it may be sent elsewhere. */
export class NotConnectedError extends Error {}

export const grpcCodes = { cancelled: 1, unknown: 2, deadlineExceeded: 4, internal: 13, unavailable: 14 } as const;

export interface GrpcChannelOptions {
  /** `https://127.0.0.1:2379` */
  server: string;
  /** PEM texts; without them the connection is plain. */
  tls?: { ca: Buffer; cert: Buffer; key: Buffer } | undefined;
  /** Sent with each call; lower-case names. */
  headers?: Readonly<Record<string, string>>;
  clock: Clock;
}

interface GrpcStreamHandlers {
  onMessage(message: Buffer): void;
  /** The stream is over; without an error the server has ended it well. Not called after `end()`. */
  onEnd(err: Error | undefined): void;
}

interface GrpcStream {
  send(message: Buffer): void;
  end(): void;
}

interface Pending {
  untilMs: number;
  /** Its time was over when it was last looked at; since then its answer could be heard. */
  late: boolean;
  expire(): void;
}

const connectMs = 2_000;
const windowBytes = 16 * 1024 * 1024;
const maxSessionMiB = 4_096;
// What is silent may be gone. etcd takes a ping each five seconds.
const pingPeriodMs = 10_000;
const pongMs = 5_000;
const deadlineStepMs = 500;
/** Before each message: whether it is compressed, and its length. */
const framePrefixBytes = 5;

export class GrpcChannel {
  readonly #options: GrpcChannelOptions;
  readonly #headers: Record<string, string>;
  #session: ClientHttp2Session | undefined;
  #connecting: Promise<ClientHttp2Session> | undefined;
  readonly #streams = new Set<ClientHttp2Stream>();
  readonly #pending = new Set<Pending>();
  #sweep: Timer | undefined;
  #closed = false;

  constructor(options: GrpcChannelOptions) {
    this.#options = options;
    this.#headers = { ':method': 'POST', te: 'trailers', 'content-type': 'application/grpc', ...options.headers };
  }

  /**
   * Calls `path`, `/etcdserverpb.KV/Range`, with a message, and answers the one that comes back. Throws NotConnectedError or GrpcError.
   */
  call(path: string, message: Buffer, timeoutMs: number): Promise<Buffer> {
    const session = this.#session;
    if (session) return this.#unary(session, path, { message, timeoutMs });
    return this.#connected().then((made) => this.#unary(made, path, { message, timeoutMs }));
  }

  async stream(path: string, handlers: GrpcStreamHandlers): Promise<GrpcStream> {
    const session = this.#session ?? (await this.#connected());
    const stream = this.#request(session, path, {});
    let over = false;
    const split = splitMessages((message) => {
      if (!over) handlers.onMessage(message);
    });
    watchEnd(stream, split, (err) => {
      if (over) return;
      over = true;
      handlers.onEnd(err);
    });
    return {
      send: (message) => stream.write(frameOf(message)),
      end: () => {
        over = true;
        stream.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  /** Gives up what is under way, with this reason, and connects anew at the next call. */
  reset(err: Error): void {
    const session = this.#session;
    this.#session = undefined;
    for (const stream of this.#streams) stream.destroy(err);
    session?.destroy();
  }

  close(): void {
    this.#closed = true;
    this.#sweep?.cancel();
    this.reset(new GrpcError(grpcCodes.cancelled, 'the connection was closed'));
  }

  #connected(): Promise<ClientHttp2Session> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  #connect(): Promise<ClientHttp2Session> {
    const { server, tls, clock } = this.#options;
    if (this.#closed) return Promise.reject(new NotConnectedError(`${server}: the connection was closed`));
    const session = connect(server, {
      ...tls,
      // TLS may not be given an address as server name; etcd's certificate on loopback names localhost too.
      ...(new URL(server).hostname === '127.0.0.1' ? { servername: 'localhost' } : {}),
      settings: { initialWindowSize: windowBytes, enablePush: false },
      maxSessionMemory: maxSessionMiB,
    });
    return new Promise((resolve, reject) => {
      const fail = (why: string, cause?: unknown) => {
        reject(new NotConnectedError(`${server}: ${why}`, { cause }));
        session.destroy();
      };
      const timer = afterListening(clock, connectMs, () => fail(`no connection within ${connectMs / 1000} s`));
      session.on('error', (err) => fail(err.message, err));
      session.once('close', () => {
        timer.cancel();
        this.#lose(session);
        fail('the connection was closed');
      });
      session.once('goaway', () => this.#lose(session));
      session.once('connect', () => {
        timer.cancel();
        if (session.destroyed) return; // its time ran out meanwhile
        if (this.#closed) return fail('the connection was closed');
        session.setLocalWindowSize(windowBytes);
        this.#session = session;
        this.#keepAlive(session);
        resolve(session);
      });
    });
  }

  /** Later calls take another connection. */
  #lose(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
  }

  /** While something waits for an answer, asks whether the server lives. */
  #keepAlive(session: ClientHttp2Session): void {
    const { clock, server } = this.#options;
    let late: Timer | undefined;
    const timer = clock.every(pingPeriodMs, () => {
      if (this.#streams.size === 0 || late || session.destroyed) return;
      late = afterListening(clock, pongMs, () => {
        const err = new GrpcError(grpcCodes.unavailable, `${server} has not answered a ping in ${pongMs / 1000} s`);
        for (const stream of this.#streams) if (stream.session === session) stream.destroy(err);
        session.destroy(err);
      });
      session.ping(() => {
        late?.cancel();
        late = undefined;
      });
    });
    session.once('close', () => {
      timer.cancel();
      late?.cancel();
    });
  }

  #request(session: ClientHttp2Session, path: string, more: Record<string, string>): ClientHttp2Stream {
    try {
      const stream = session.request({ ':path': path, ...more, ...this.#headers });
      this.#streams.add(stream);
      stream.once('close', () => this.#streams.delete(stream));
      return stream;
    } catch (err) {
      this.#lose(session);
      throw new NotConnectedError(`${this.#options.server}: ${messageOf(err)}`, { cause: err });
    }
  }

  async #unary(
    session: ClientHttp2Session,
    path: string,
    { message, timeoutMs }: { message: Buffer; timeoutMs: number },
  ): Promise<Buffer> {
    const stream = this.#request(session, path, { 'grpc-timeout': `${timeoutMs}m` });
    stream.end(frameOf(message));
    return new Promise((resolve, reject) => {
      const expire = () => {
        stream.destroy(new GrpcError(grpcCodes.deadlineExceeded, `no answer within ${timeoutMs / 1000} s`));
      };
      const pending = { untilMs: this.#options.clock.monotonicMs() + timeoutMs, late: false, expire };
      this.#pending.add(pending);
      this.#sweepLater();
      let chunks: Buffer[] = [];
      const take = (chunk: Buffer) => chunks.push(chunk);
      watchEnd(stream, take, (err) => {
        this.#pending.delete(pending);
        if (err) return reject(err);
        const answer = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
        chunks = [];
        if (isWhole(answer)) resolve(answer.subarray(framePrefixBytes));
        else reject(new GrpcError(grpcCodes.internal, 'the answer is not one whole message'));
      });
    });
  }

  #sweepLater(): void {
    this.#sweep ??= this.#options.clock.after(deadlineStepMs, () => {
      this.#sweep = undefined;
      const nowMs = this.#options.clock.monotonicMs();
      for (const pending of this.#pending) {
        if (pending.late) pending.expire();
        pending.late = pending.untilMs <= nowMs;
      }
      if (this.#pending.size > 0 && !this.#closed) this.#sweepLater();
    });
  }
}

/** Gives what comes to `take`, and says once how the stream ended. */
function watchEnd(stream: ClientHttp2Stream, take: (chunk: Buffer) => void, done: (err?: Error) => void): void {
  let status: string | undefined;
  let message = '';
  let ended = false;
  const read = (headers: Record<string, unknown>) => {
    if (headers['grpc-status'] === undefined) return;
    status = String(headers['grpc-status']);
    message = String(headers['grpc-message'] ?? '');
  };
  const end = (why?: () => Error) => {
    if (ended) return;
    ended = true;
    done(why?.());
  };
  stream.on('response', read);
  stream.on('trailers', read);
  stream.on('data', take);
  stream.on('end', () => {
    if (status === '0') end();
    else if (status !== undefined) end(() => new GrpcError(Number(status), percentDecoded(message)));
  });
  stream.on('error', (err) => end(() => (err instanceof GrpcError ? err : dropped(stream, err))));
  stream.on('close', () => end(() => dropped(stream)));
}

function dropped(stream: ClientHttp2Stream, cause?: Error): Error {
  const why = cause ? `the connection dropped: ${cause.message}` : 'the connection dropped';
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return new NotConnectedError(why, { cause });
  return new GrpcError(grpcCodes.unavailable, why, { cause });
}

/** The server's text: what is not printable ASCII comes with percent signs. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isWhole(answer: Buffer): boolean {
  return (
    answer.length >= framePrefixBytes && answer[0] === 0 && answer.readUInt32BE(1) === answer.length - framePrefixBytes
  );
}

/** Cuts a stream of bytes into its messages. */
function splitMessages(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let waiting: Buffer[] = [];
  let have = 0;
  return (chunk) => {
    waiting.push(chunk);
    have += chunk.length;
    for (;;) {
      if (have < framePrefixBytes) return;
      if (waiting[0]!.length < framePrefixBytes) waiting = [Buffer.concat(waiting)];
      const size = framePrefixBytes + waiting[0]!.readUInt32BE(1);
      if (have < size) return;
      const all = waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting);
      onMessage(all.subarray(framePrefixBytes, size));
      have -= size;
      waiting = have > 0 ? [all.subarray(size)] : [];
    }
  };
}

/** A message as it is sent. */
function frameOf(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(framePrefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, framePrefixBytes);
  return frame;
}
