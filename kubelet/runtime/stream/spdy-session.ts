// A SPDY/3.1 session, as Kubernetes clients speak it for exec, attach and port-forward: streams
// without flow control, so that a reader who stalls holds up the connection, and TCP holds up the
// sender. Both ends, because tests need a client.

import { Duplex } from 'node:stream';
import { messageOf } from '../../../machinery/errors.ts';
import { whenWritable } from './delivery.ts';
import {
  encodeControl,
  encodeDataHeader,
  flagFin,
  frameType,
  readFrames,
  type SpdyFrame,
  SpdyProtocolError,
  uint32,
} from './spdy-frame.ts';
import { HeaderDecoder, HeaderEncoder, type SpdyHeaders } from './spdy-headers.ts';

const rst = { refusedStream: 3, cancel: 5 };
const goAway = { ok: 0, protocolError: 1 };
/** What a peer may have open at a time; for port-forward that is half as many connections. */
const defaultMaxStreams = 1024;
const maxDataBytes = 1 << 16;

/** One stream of a session. Ending it half-closes; destroying it resets. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  #session: SpdySession;
  #wake: (() => void) | null = null;
  #hasEnded = false;

  constructor(session: SpdySession, id: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.id = id;
    this.headers = headers;
  }

  /** Takes what the peer sent; resolves when there is room for more. */
  async receive(payload: Buffer, fin: boolean): Promise<void> {
    if (this.destroyed) return;
    if (this.#hasEnded) throw new SpdyProtocolError(`data of stream ${this.id} after its end`);
    this.#hasEnded = fin;
    const room = payload.length === 0 || this.push(payload);
    if (fin) this.push(null);
    if (room || fin || this.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Ends with its connection; a client may still read to its end what had come whole. */
  loseConnection(mayReadOn: boolean): void {
    if (mayReadOn && this.#hasEnded && !this.readableEnded) this.once('end', () => this.destroy());
    else this.destroy();
  }

  override _read(): void {
    this.#wake?.();
    this.#wake = null;
  }

  override _write(chunk: Buffer, _encoding: string, done: (err?: Error | null) => void): void {
    const parts: Promise<void>[] = [];
    for (let at = 0; at < chunk.length; at += maxDataBytes) {
      parts.push(this.#session.sendData(this.id, chunk.subarray(at, at + maxDataBytes), false));
    }
    Promise.all(parts).then(() => done(), done);
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
  /** Further ones are refused. */
  maxStreams?: number;
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
  #lastPeerId = 0;

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
    this.#socket.write(encodeControl(frameType.rstStream, 0, uint32(stream.id, rst.cancel)));
  }

  /** Says goodbye and ends the connection once everything is sent. */
  close(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.end(encodeControl(frameType.goAway, 0, uint32(this.#lastPeerId, goAway.ok)));
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #run(): Promise<void> {
    try {
      // Left open where reading ends: a broken peer is told so.
      const source = this.#socket.iterator({ destroyOnReturn: false });
      for await (const frame of readFrames(source)) await this.#handle(frame);
    } catch (err) {
      // A broken connection and a broken peer end the same way: all streams end, and their users see it.
      if (err instanceof SpdyProtocolError) this.#endWithError();
    } finally {
      this.#decoder.close();
      this.#socket.destroy();
      for (const stream of [...this.#streams.values()]) stream.loseConnection(this.#options.role === 'client');
      this.#streams.clear();
    }
  }

  async #handle(frame: SpdyFrame): Promise<void> {
    if (frame.kind === 'data') {
      // What comes for a stream that was reset meanwhile is dropped.
      await this.#streams.get(frame.streamId)?.receive(frame.payload, frame.fin);
      return;
    }
    const { type, flags, payload } = frame;
    if (type === frameType.synStream) await this.#accept(payload, (flags & flagFin) !== 0);
    else if (type === frameType.synReply || type === frameType.headers) await this.#decode(payload.subarray(4));
    else if (type === frameType.rstStream) this.#reset(payload.readUInt32BE(0));
    else if (type === frameType.ping) await this.#answerPing(payload);
    // GOAWAY, SETTINGS and WINDOW_UPDATE ask nothing of us.
  }

  async #decode(block: Buffer): Promise<SpdyHeaders> {
    try {
      return await this.#decoder.decode(block);
    } catch (err) {
      throw new SpdyProtocolError(`headers: ${messageOf(err)}`, { cause: err });
    }
  }

  async #accept(payload: Buffer, fin: boolean): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const isTheirs = id % 2 === (this.#options.role === 'server' ? 1 : 0);
    if (!isTheirs || id <= this.#lastPeerId) throw new SpdyProtocolError(`stream ${id} cannot be opened`);
    this.#lastPeerId = id;
    const headers = await this.#decode(payload.subarray(10));
    if (this.#streams.size >= (this.#options.maxStreams ?? defaultMaxStreams)) {
      return this.#answer(encodeControl(frameType.rstStream, 0, uint32(id, rst.refusedStream)));
    }
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const reply = Buffer.concat([uint32(id), this.#encoder.encode({})]);
    await this.#answer(encodeControl(frameType.synReply, 0, reply));
    if (fin) await stream.receive(Buffer.alloc(0), true);
    this.#options.onStream(stream);
  }

  #reset(id: number): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.destroy();
  }

  /** Pings of the peer have its parity; our own (none) would come back. */
  async #answerPing(payload: Buffer): Promise<void> {
    const fromPeer = payload.readUInt32BE(0) % 2 === (this.#options.role === 'server' ? 1 : 0);
    if (fromPeer) await this.#answer(encodeControl(frameType.ping, 0, payload));
  }

  /** Answers a frame. A peer that asks and does not read is not listened to until it does: answers do not pile up. */
  async #answer(frame: Buffer): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded || socket.write(frame)) return;
    await whenWritable(socket);
  }

  #endWithError(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(encodeControl(frameType.goAway, 0, uint32(this.#lastPeerId, goAway.protocolError)));
  }
}
