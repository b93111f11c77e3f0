// HTTP/2 frame by frame, for tests of what no client library would send: uploads that stop in the
// middle, streams that are reset.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6 } as const;
const endStream = 0x1;
const endHeaders = 0x4;
const ack = 0x1;

function frame(type: keyof typeof frameTypes, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = frameTypes[type];
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A length in HPACK: seven bits, and what is more in further bytes. */
function hpackText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export interface RawHttp2Options {
  port: number;
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

export class RawHttp2 {
  readonly socket: TLSSocket;
  #nextStream = 1;
  #received = Buffer.alloc(0);
  #onPong: (() => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.write(Buffer.concat([Buffer.from(preface), frame('settings', 0, 0, Buffer.alloc(0))]));
  }

  static async open({ port, ca, cert, key }: RawHttp2Options): Promise<RawHttp2> {
    const socket = connect({ host: '127.0.0.1', port, ca, cert, key, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    return new RawHttp2(socket);
  }

  /** Opens a stream; returns its number. */
  request(headers: Record<string, string>, { isWhole = false } = {}): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const pairs = Object.entries({ ':scheme': 'https', ':authority': 'x', ...headers });
    // Literal header fields that no table keeps, with names of their own.
    const block = pairs.flatMap(([name, value]) => [Buffer.from([0]), hpackText(name), hpackText(value)]);
    this.socket.write(frame('headers', endHeaders | (isWhole ? endStream : 0), stream, Buffer.concat(block)));
    return stream;
  }

  data(stream: number, text: string, { isLast = false } = {}): void {
    this.socket.write(frame('data', isLast ? endStream : 0, stream, Buffer.from(text)));
  }

  reset(stream: number, code: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(code);
    this.socket.write(frame('reset', 0, stream, payload));
  }

  /** Resolves when the server has read everything up to here. */
  ping(): Promise<void> {
    const pong = new Promise<void>((resolve) => (this.#onPong = resolve));
    this.socket.write(frame('ping', 0, 0, Buffer.alloc(8)));
    return pong;
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 9) {
      const end = 9 + this.#received.readUIntBE(0, 3);
      if (this.#received.length < end) return;
      if (this.#received[3] === frameTypes.ping && this.#received[4] === ack) this.#onPong?.();
      this.#received = this.#received.subarray(end);
    }
  }
}
