// A SPDY/3.1 session, as Kubernetes clients speak it for exec, attach and port-forward: streams without flow control, so
// that a reader who stalls holds up the connection, and TCP holds up the sender. Both ends, because tests need a client.
import { Duplex } from 'node:stream';
import {
  encodeControl,
  encodeDataHeader,
  flagFin,
  frameType,
  readFrames,
  type SpdyFrame,
  uint32,
} from './spdy-frame.ts';
import { HeaderDecoder, HeaderEncoder, type SpdyHeaders } from './spdy-headers.ts';

const rstCancel = 5;
const maxDataBytes = 1 << 16;

/** One stream of a session. Ending it half-closes; destroying it resets. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  #session: SpdySession;
  #wake: (() => void) | null = null;

  constructor(session: SpdySession, id: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.id = id;
    this.headers = headers;
  }

  /** Takes what the peer sent; resolves when there is room for more. */
  async receive(payload: Buffer, fin: boolean): Promise<void> {
    if (this.destroyed) return;
    const room = payload.length === 0 || this.push(payload);
    if (fin) this.push(null);
    if (room || fin) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  override _read(): void {
    this.#wake?.();
    this.#wake = null;
  }

  override _write(chunk: Buffer, _encoding: string, done: (err?: Error | null) => void): void {
    let last: Promise<void> = Promise.resolve();
    for (let at = 0; at < chunk.length; at += maxDataBytes) {
      last = this.#session.sendData(this.id, chunk.subarray(at, at + maxDataBytes), false);
    }
    last.then(() => done(), done);
  }

  override _final(done: (err?: Error | null) => void): void {
    this.#session.sendData(this.id, Buffer.alloc(0), true).then(() => done(), done);
  }

  override _destroy(err: Error | null, done: (err: Error | null) => void): void {
    this._read();
    this.#session.forget(this);
    done(err);
  }
}

export interface SpdySessionOptions {
  role: 'client' | 'server';
  /** A stream the peer opened. It is accepted by being there; reset it to refuse. */
  onStream(stream: SpdyStream): void;
}

export class SpdySession {
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>;
  #socket: Duplex;
  #options: SpdySessionOptions;
  #encoder = new HeaderEncoder();
  #decoder = new HeaderDecoder();
  #streams = new Map<number, SpdyStream>();
  #nextId: number;

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#nextId = options.role === 'client' ? 1 : 2;
    this.closed = this.#run();
  }

  /** Opens a stream. */
  open(headers: SpdyHeaders): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const payload = Buffer.concat([uint32(id, 0), Buffer.from([0, 0]), this.#encoder.encode(headers)]);
    this.#socket.write(encodeControl(frameType.synStream, 0, payload));
    return stream;
  }

  /** Sends data of a stream; resolves when the connection has taken it. */
  sendData(streamId: number, payload: Buffer, fin: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed || this.#socket.writableEnded) return reject(new Error('the connection is closed'));
      this.#socket.cork();
      this.#socket.write(encodeDataHeader(streamId, fin ? flagFin : 0, payload.length));
      this.#socket.write(payload, (err) => (err ? reject(err) : resolve()));
      this.#socket.uncork();
    });
  }

  /** Called by a stream that was destroyed: resets it when the peer may still think it open. */
  forget(stream: SpdyStream): void {
    if (!this.#streams.delete(stream.id)) return;
    const done = stream.readableEnded && stream.writableFinished;
    if (done || this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(encodeControl(frameType.rstStream, 0, uint32(stream.id, rstCancel)));
  }

  /** Says goodbye and ends the connection once everything is sent. */
  close(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.end(encodeControl(frameType.goAway, 0, uint32(0, 0)));
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #run(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#socket)) await this.#handle(frame);
    } catch {
      // A broken connection and a broken peer end the same way: all streams end, and their users see it.
    } finally {
      this.#decoder.close();
      this.#socket.destroy();
      for (const stream of [...this.#streams.values()]) stream.destroy();
      this.#streams.clear();
    }
  }

  async #handle(frame: SpdyFrame): Promise<void> {
    if (frame.kind === 'data') {
      await this.#streams.get(frame.streamId)?.receive(frame.payload, (frame.flags & flagFin) !== 0);
      return;
    }
    const { type, flags, payload } = frame;
    if (type === frameType.synStream) await this.#accept(payload, (flags & flagFin) !== 0);
    else if (type === frameType.synReply) await this.#decoder.decode(payload.subarray(4));
    else if (type === frameType.headers) await this.#decoder.decode(payload.subarray(4));
    else if (type === frameType.rstStream) this.#reset(payload.readUInt32BE(0));
    else if (type === frameType.ping) this.#answerPing(payload);
    // GOAWAY, SETTINGS and WINDOW_UPDATE ask nothing of us.
  }

  async #accept(payload: Buffer, fin: boolean): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#decoder.decode(payload.subarray(10));
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    this.#socket.write(encodeControl(frameType.synReply, 0, Buffer.concat([uint32(id), this.#encoder.encode({})])));
    if (fin) await stream.receive(Buffer.alloc(0), true);
    this.#options.onStream(stream);
  }

  #reset(id: number): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.destroy();
  }

  /** Pings of the peer have its parity; our own (none) would come back. */
  #answerPing(payload: Buffer): void {
    const fromPeer = payload.readUInt32BE(0) % 2 === (this.#options.role === 'server' ? 1 : 0);
    if (fromPeer) this.#socket.write(encodeControl(frameType.ping, 0, payload));
  }
}
