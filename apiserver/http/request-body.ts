// The body of a request: read only when somebody who may has asked for it, whole or not at all, and
// within bounds of size and time. Upstream: limitedReadBody of apiserver's handlers, and Go's HTTP
// servers, whose readers tell an upload that broke off from one that ended.
import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../machinery/clock.ts';
import { badRequestError, StatusError } from '../../machinery/errors.ts';

const bodyLimitBytes = 3 * 1024 * 1024;
const bodyTimeoutMs = 60_000;

/** The bytes of all bodies that are being read or worked on: a bound for the memory of the process. */
export class BodyBudget {
  #leftBytes: number;

  constructor(totalBytes: number) {
    this.#leftBytes = totalBytes;
  }

  /** False: there is no room for them. */
  take(bytes: number): boolean {
    if (bytes > this.#leftBytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#leftBytes += bytes;
  }
}

export interface RequestBody {
  /** Throws StatusError: 413, 429, 504, or 400 for one that broke off. */
  read(): Promise<Buffer>;
  /** Sends it on as it comes. Where it breaks off, `target` is destroyed. */
  pipeTo(target: Writable): void;
}

/** What stands for the body of a request that cannot have one. */
export const noBody: RequestBody = {
  read: () => Promise.resolve(Buffer.alloc(0)),
  pipeTo: (target) => void target.end(),
};

export type Incoming = IncomingMessage | Http2ServerRequest;

/** Whether the other side said that there is a body. */
export function announcesBody(message: Incoming): boolean {
  if ('stream' in message) return !message.stream.endAfterHeaders;
  const { 'content-length': length, 'transfer-encoding': encoding } = message.headers;
  return encoding !== undefined || Number(length ?? 0) > 0;
}

/**
 * After `end`: whether that was the end that the sender meant. A stream that is reset, or a
 * connection that is lost, ends too.
 */
async function isWhole(message: Incoming, received: number): Promise<boolean> {
  const announced = message.headers['content-length'];
  if (announced !== undefined && Number(announced) !== received) return false;
  if (!('stream' in message)) return message.complete;
  // The state of a stream changes after its last frame has been told of.
  await new Promise(setImmediate);
  return message.stream.state?.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE;
}

interface BodyDeps {
  clock: Clock;
  budget: BodyBudget;
  /** Tells a client that waits for it to begin. */
  onRead(): void;
  /** Calls back when the request is over: what was read is no longer needed. */
  onOver(fn: () => void): void;
}

export class IncomingBody implements RequestBody {
  readonly #message: Incoming;
  readonly #deps: BodyDeps;

  constructor(message: Incoming, deps: BodyDeps) {
    this.#message = message;
    this.#deps = deps;
  }

  async read(): Promise<Buffer> {
    const { budget, clock, onRead, onOver } = this.#deps;
    if (!announcesBody(this.#message)) return Buffer.alloc(0);
    if (Number(this.#message.headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge();
    onRead();
    const chunks: Buffer[] = [];
    let held = 0;
    onOver(() => budget.give(held));
    const stream: Readable = this.#message;
    let timer: { cancel(): void } | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = clock.after(bodyTimeoutMs, () => reject(tooSlow()));
        stream.on('data', (chunk: Buffer) => {
          if (held + chunk.length > bodyLimitBytes) return reject(tooLarge());
          if (!budget.take(chunk.length)) return reject(tooMany());
          held += chunk.length;
          chunks.push(chunk);
        });
        const breakOff = () => reject(brokenOff());
        stream.on('end', async () => {
          stream.off('close', breakOff); // also what is whole is closed
          if (await isWhole(this.#message, held)) resolve();
          else breakOff();
        });
        for (const event of ['aborted', 'error', 'close']) stream.on(event, breakOff);
      });
      return Buffer.concat(chunks, held);
    } finally {
      timer?.cancel();
      stream.removeAllListeners('data');
      chunks.length = 0;
      stream.resume();
    }
  }

  pipeTo(target: Writable): void {
    if (!announcesBody(this.#message)) {
      target.end();
      return;
    }
    this.#deps.onRead();
    const stream: Readable = this.#message;
    let received = 0;
    stream.on('data', (chunk: Buffer) => (received += chunk.length));
    stream.pipe(target, { end: false });
    const breakOff = () => void target.destroy(brokenOff());
    stream.on('end', async () => ((await isWhole(this.#message, received)) ? target.end() : breakOff()));
    stream.on('aborted', breakOff);
    stream.on('error', breakOff);
    target.on('error', () => stream.resume());
  }
}

const tooLarge = () =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimitBytes}`);
const tooSlow = () =>
  new StatusError(504, 'Timeout', 'Timeout: the body of the request did not arrive within the allotted time');
const brokenOff = () => badRequestError('the body of the request broke off');
const tooMany = () =>
  new StatusError(429, 'TooManyRequests', 'Too many requests, please try again later.', {
    details: { retryAfterSeconds: 1 },
  });
