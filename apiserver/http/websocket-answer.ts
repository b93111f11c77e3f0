// A long answer (a log, a watch) for a client that asked for a WebSocket: written to like an HTTP
// response, sent as messages. An event of a watch is one message, of text or of protobuf; a log is sent in pieces, as
// bytes or, by its subprotocol, in base64. Upstream: the wsstream package.
import type { IncomingMessage } from 'node:http';
import { type Duplex, Writable } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { RawResponse } from './front.ts';
import { endInHttp } from './upgrade.ts';

const base64Protocol = 'base64.binary.k8s.io';
const protocolsOfLogs = ['binary.k8s.io', base64Protocol];
const normalClosure = 1000;
const newline = 10;

// What a slow client has not read when the answer ends stays on its way to it.
const closeTimeoutMs = 4 * 3600_000;

/**
 * What the connection is to speak: of a log the first that the client offers and there is, of a watch whatever it is
 * called. Or the code of a refusal.
 */
function choose(offered: readonly string[], isWatch: boolean): string | undefined | 400 | 403 {
  if (isWatch) return offered.length > 1 ? 400 : offered[0];
  return offered.length === 0 ? undefined : (offered.find((one) => protocolsOfLogs.includes(one)) ?? 403);
}

const protocolHeader = 'sec-websocket-protocol';

const options: ServerOptions & { closeTimeout: number } = {
  noServer: true,
  closeTimeout: closeTimeoutMs,
  perMessageDeflate: false,
  maxPayload: 4096, // nothing is expected of the client
};
const webSockets = new WebSocketServer(options);

export const asksForWebSocket = (message: IncomingMessage): boolean =>
  message.headers.upgrade?.toLowerCase() === 'websocket';

export class WebSocketAnswer extends Writable implements RawResponse {
  readonly #message: IncomingMessage;
  readonly #socket: Duplex;
  readonly #head: Buffer;
  #ws: WebSocket | undefined;
  /** There is an answer in HTTP: what else is written is for nobody. */
  #isRefused = false;
  /** Cuts what is written into messages, where it is a watch. */
  #sendEvents: typeof sendLines | undefined;

  constructor({ message, socket, head }: { message: IncomingMessage; socket: Duplex; head: Buffer }) {
    super();
    this.#message = message;
    this.#socket = socket;
    this.#head = head;
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    this.on('error', () => undefined);
  }

  /** Becomes a WebSocket; an answer other than 200 stays one of HTTP. */
  writeHead(code: number, headers: Record<string, string> = {}): void {
    if (code !== 200) {
      endInHttp(this.#socket, { code, headers, body: '' });
      return;
    }
    const type = headers['content-type'] ?? '';
    this.#sendEvents = type.startsWith('application/json') ? sendLines : undefined;
    if (type.endsWith(';stream=watch')) this.#sendEvents = sendFrames;
    const { headers: asked } = this.#message;
    const offered = (asked[protocolHeader] ?? '').split(',').flatMap((one) => one.trim() || []);
    const protocol = choose(offered, this.#sendEvents !== undefined);
    if (typeof protocol === 'number') {
      this.#isRefused = true;
      endInHttp(this.#socket, { code: protocol, headers: {}, body: '' });
      return;
    }
    if (protocol === undefined) delete asked[protocolHeader];
    else asked[protocolHeader] = protocol;
    webSockets.handleUpgrade(this.#message, this.#socket, this.#head, (ws) => {
      this.#ws = ws;
      ws.on('error', () => this.destroy());
      // That the connection stands is told before there is something to read.
      if (!this.#sendEvents) ws.send(this.#encode(Buffer.alloc(0)));
    });
  }

  #encode(bytes: Buffer): Buffer | string {
    return this.#ws?.protocol === base64Protocol ? bytes.toString('base64') : bytes;
  }

  override _write(chunk: Buffer, _encoding: string, done: (err?: Error | null) => void): void {
    const ws = this.#ws;
    if (this.#isRefused) done();
    else if (!ws) done(new Error('there is no WebSocket'));
    else if (this.#sendEvents) this.#sendEvents(ws, chunk, done);
    else ws.send(this.#encode(chunk), done);
  }

  override _final(done: () => void): void {
    this.#ws?.close(normalClosure);
    done();
  }

  override _destroy(err: Error | null, done: (err: Error | null) => void): void {
    if (!this.writableFinished) this.#socket.destroy();
    done(err);
  }
}

/** Whole lines are written, one event each. */
function sendLines(ws: WebSocket, chunk: Buffer, done: (err?: Error | null) => void): void {
  for (let at = 0; at < chunk.length; ) {
    const end = chunk.indexOf(newline, at) + 1 || chunk.length;
    ws.send(chunk.subarray(at, end), { binary: false }, end === chunk.length ? done : undefined);
    at = end;
  }
}

const frameHeadBytes = 4;

/** Whole frames of protobuf are written, one event each; a message needs no length of its own. */
function sendFrames(ws: WebSocket, chunk: Buffer, done: (err?: Error | null) => void): void {
  for (let at = 0; at < chunk.length; ) {
    const start = at + frameHeadBytes;
    const end = start + chunk.readUInt32BE(at);
    ws.send(chunk.subarray(start, end), { binary: true }, end === chunk.length ? done : undefined);
    at = end;
  }
}
