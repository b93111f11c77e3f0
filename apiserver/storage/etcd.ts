// What the store asks of etcd, and what can go wrong. `EtcdClient` asks a real one.
import { StatusError } from '../../machinery/errors.ts';

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
export class EtcdNoSpaceError extends StatusError {
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
  /** Writes `value` whatever was there. The key goes by itself when it has not been written so again in time. */
  putForTime(key: string, value: Buffer, seconds: number): Promise<void>;
  /** Drops history up to and including `revision`. */
  compact(revision: number): Promise<void>;
  /**
   * Watches every key there is from `startRevision` on. Returns a function that ends the watch
   * without calling onEnd.
   */
  watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void>;
  close(): void;
}
