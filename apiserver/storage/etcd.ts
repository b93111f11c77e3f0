// The etcd client: the few calls the store needs, on etcd3's raw services. Writes are
// compare-and-swap transactions that are sent once: an outcome we did not see is an error, never a
// blind retry (retry and circuit breaker are switched off). Watches and ranges have connections of
// their own, so that a big range never starves a watch.
import type { Clock } from '../../machinery/clock.ts';
import { StatusError } from '../../machinery/errors.ts';
import {
  compactFrame,
  rangeFrame,
  readRangeAnswer,
  readSwapAnswer,
  readWatchAnswer,
  swapFrame,
  watchAllFrame,
} from './etcd-messages.ts';
import { GrpcChannel } from './grpc-channel.ts';

export interface EtcdOptions {
  /** `https://127.0.0.1:2379` */
  servers: string[];
  /** PEM texts; without them the connection is plain. */
  tls?: { ca: Buffer; cert: Buffer; key: Buffer };
}

/** A value under its key; what keeps values in a form of its own says whether it could be read. */
export interface StoredValue {
  key: string;
  value: Buffer;
  /** Why the value is not what was meant: whoever wants it is told. */
  unreadable?: Error;
  /** The next write gives it another form, so that it is one although nothing changes. */
  isStale?: boolean;
}

export interface EtcdEntry extends StoredValue {
  modRevision: number;
}

export interface EtcdPage {
  entries: EtcdEntry[];
  /** The store's revision when it answered. */
  revision: number;
  more: boolean;
  /** Keys in the whole range. */
  count: number;
}

/** What a compare-and-swap found: it happened at `revision`, or the key was in another state. */
export type SwapResult = { done: true; revision: number } | { done: false; current: EtcdEntry | undefined };

/** The revision asked for is gone. */
export class CompactedError extends Error {}
/** etcd did not answer, or not in time: whether a write happened is unknown. */
export class EtcdUnavailableError extends StatusError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(503, 'ServiceUnavailable', message, options);
  }
}
/** etcd refused a write for lack of space. */
class EtcdNoSpaceError extends StatusError {
  constructor(options: { cause?: unknown } = {}) {
    super(500, '', 'etcdserver: mvcc: database space exceeded', options);
  }
}

/** etcd refused an object for its size. */
export class EtcdTooLargeError extends StatusError {
  constructor(options: { cause?: unknown } = {}) {
    super(413, 'RequestEntityTooLarge', 'Request entity too large: the object is larger than etcd keeps', options);
  }
}

const callDeadlineMs = 10_000;

export interface EtcdWatchHandlers {
  /** Called for each response, whole; `events` are in order. */
  onEvents(events: EtcdEvent[], revision: number): void;
  /** The stream is over; the watch must be started again from the last delivered revision + 1. */
  onEnd(err: Error | undefined): void;
  onCreated?(revision: number, clusterId: string): void;
}

export interface EtcdEvent extends StoredValue {
  type: 'PUT' | 'DELETE';
  modRevision: number;
  isCreate: boolean;
}

/**
 * The calls the store makes. EtcdClient speaks to a server; the same suite holds for it and for the
 * fake of the tests.
 */
export interface Etcd {
  /** One key as of now, or undefined. */
  get(key: string): Promise<EtcdEntry | undefined>;
  /** The store's revision, agreed on by the members: what a consistent read must have seen. */
  currentRevision(): Promise<number>;
  /** Keys from `from` (inclusive) to `to` (exclusive) in order, at `revision` (0: now). Throws CompactedError. */
  range(from: string, to: string, options: { limit: number; revision: number }): Promise<EtcdPage>;
  /** Writes `value` if the key is still at `modRevision` (0: absent). */
  put(key: string, value: Buffer, modRevision: number): Promise<SwapResult>;
  /** Deletes the key if it is still at `modRevision`. */
  delete(key: string, modRevision: number): Promise<SwapResult>;
  /** Drops history up to and including `revision`. */
  compact(revision: number): Promise<void>;
  /**
   * Watches every key there is from `startRevision` on. Returns a function that ends the watch
   * without calling onEnd.
   */
  watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void>;
  close(): void;
}

export class EtcdClient implements Etcd {
  readonly #calls: GrpcChannel;
  readonly #ranges: GrpcChannel;
  readonly #watches: GrpcChannel;

  constructor(options: EtcdOptions, clock: Clock) {
    const open = () => new GrpcChannel({ server: options.servers[0]!, tls: options.tls, clock });
    this.#calls = open();
    this.#ranges = open();
    this.#watches = open();
  }

  async get(key: string): Promise<EtcdEntry | undefined> {
    const answer = await this.#run(this.#calls.call('/etcdserverpb.KV/Range', rangeFrame({ key }), callDeadlineMs));
    return readRangeAnswer(answer).entries[0];
  }

  async currentRevision(): Promise<number> {
    const frame = rangeFrame({ key: '\0', countOnly: true, limit: 1 });
    return readRangeAnswer(await this.#run(this.#calls.call('/etcdserverpb.KV/Range', frame, callDeadlineMs))).header
      .revision;
  }

  async range(from: string, to: string, options: { limit: number; revision: number }): Promise<EtcdPage> {
    const frame = rangeFrame({ key: from, end: to, ...options });
    const answer = await this.#run(this.#ranges.call('/etcdserverpb.KV/Range', frame, callDeadlineMs * 6));
    const { header, entries, more, count } = readRangeAnswer(answer);
    return { entries, revision: header.revision, more, count };
  }

  put(key: string, value: Buffer, modRevision: number): Promise<SwapResult> {
    return this.#swap(swapFrame(key, modRevision, value));
  }

  delete(key: string, modRevision: number): Promise<SwapResult> {
    return this.#swap(swapFrame(key, modRevision));
  }

  async #swap(frame: Buffer): Promise<SwapResult> {
    const answer = readSwapAnswer(await this.#run(this.#calls.call('/etcdserverpb.KV/Txn', frame, callDeadlineMs)));
    if (answer.succeeded) return { done: true, revision: answer.header.revision };
    return { done: false, current: answer.current };
  }

  async compact(revision: number): Promise<void> {
    await this.#run(this.#calls.call('/etcdserverpb.KV/Compact', compactFrame(revision), 6 * callDeadlineMs));
  }

  async watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void> {
    const stream = await this.#watches.stream('/etcdserverpb.Watch/Watch', {
      onMessage: (message) => {
        const answer = readWatchAnswer(message);
        if (answer.cancelReason !== undefined) {
          stream.end();
          handlers.onEnd(
            answer.compactRevision > 0
              ? new CompactedError(answer.cancelReason)
              : new Error(`watch cancelled: ${answer.cancelReason}`),
          );
        } else if (answer.created) handlers.onCreated?.(answer.header.revision, answer.header.clusterId);
        else if (answer.events.length > 0) handlers.onEvents(answer.events, answer.header.revision);
      },
      onEnd: handlers.onEnd,
    });
    stream.send(watchAllFrame(startRevision));
    return () => stream.end();
  }

  async #run<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      const message = err instanceof Error ? err.message : String(err);
      if (message.includes('has been compacted')) throw new CompactedError(message, { cause: err });
      if (message.includes('database space exceeded') || message.includes('no space')) {
        throw new EtcdNoSpaceError({ cause: err });
      }
      if (/request is too large|message larger than max/.test(message)) throw new EtcdTooLargeError({ cause: err });
      throw new EtcdUnavailableError(`etcd does not answer, its log says why: ${message}`, { cause: err });
    }
  }

  close(): void {
    for (const client of [this.#calls, this.#ranges, this.#watches]) client.close();
  }
}
