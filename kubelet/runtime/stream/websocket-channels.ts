// Numbered channels in one WebSocket: each message belongs to one. In the binary protocols its
// first byte is the number; in the base64 ones, for clients that only send text, a digit stands
// before the encoded rest. Upstream: the wsstream package.
import { Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

/** An upgraded connection, what speaks over it, and how. */
export interface WebSocketConnection {
  ws: WebSocket;
  socket: Pick<Writable, 'end'>;
  base64: boolean;
}

/** What may wait to be sent while a ping is answered. */
const maxBacklogBytes = 1 << 16;

/** Answers pings while their sender reads: for one who does not, the answers would pile up. */
export function answerPings(ws: WebSocket): void {
  ws.on('ping', (data: Buffer) => {
    if (ws.readyState === ws.OPEN && ws.bufferedAmount < maxBacklogBytes) ws.pong(data);
  });
}

export class WebSocketChannels {
  readonly #ws: WebSocket;
  readonly #socket: WebSocketConnection['socket'];
  readonly #base64: boolean;

  constructor({ ws, socket, base64 }: WebSocketConnection) {
    this.#ws = ws;
    this.#socket = socket;
    this.#base64 = base64;
    // A broken connection also closes; that is where it is dealt with.
    ws.on('error', () => undefined);
    answerPings(ws);
  }

  onMessage(listener: (id: number, body: Buffer) => void): void {
    this.#ws.on('message', (raw: RawData) => {
      const message = raw as Buffer;
      if (message.length === 0) return;
      if (this.#base64) listener(message[0]! - zero, Buffer.from(message.toString('latin1', 1), 'base64'));
      else listener(message[0]!, message.subarray(1));
    });
  }

  onClose(listener: () => void): void {
    this.#ws.on('close', listener);
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  /** Resolves when it is sent, or cannot be any more. */
  send(id: number, body: Buffer): Promise<void> {
    const message = this.#base64 ? `${id}${body.toString('base64')}` : Buffer.concat([Buffer.from([id]), body]);
    return new Promise((resolve) => this.#ws.send(message, () => resolve()));
  }

  writer(id: number): Writable {
    return new Writable({
      highWaterMark: 1 << 18,
      write: (chunk: Buffer, _encoding, done) => void this.send(id, chunk).then(() => done()),
    });
  }

  /** Resolves when the connection is closed. */
  close(): Promise<void> {
    const ws = this.#ws;
    return new Promise((resolve) => {
      if (ws.readyState === ws.CLOSED) return resolve();
      ws.once('close', () => resolve());
      // A client that has paused its input still has to see our close.
      ws.resume();
      ws.close(normalClosure);
      // The end of the connection wakes a client that polls it and does not see what its TLS library has read already.
      this.#socket.end();
    });
  }
}

const zero = 48;
const normalClosure = 1000;
