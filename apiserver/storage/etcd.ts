// The etcd client: the few calls the store needs, on etcd3's raw services. Writes are
// compare-and-swap transactions that are sent once: an outcome we did not see is an error, never a
// blind retry (retry and circuit breaker are switched off). Watches and ranges have connections of
// their own, so that a big range never starves a watch.
import { noop } from 'cockatiel';
import { Etcd3, type IKeyValue, type ITxnRequest, type IWatchResponse } from 'etcd3';
import { StatusError } from '../../machinery/errors.ts';

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
  readonly #calls: Etcd3;
  readonly #ranges: Etcd3;
  readonly #watches: Etcd3;
  readonly #now: () => number;

  constructor(options: EtcdOptions, now: () => number) {
    this.#now = now;
    this.#calls = connect(options);
    this.#ranges = connect(options);
    this.#watches = connect(options);
  }

  async get(key: string): Promise<EtcdEntry | undefined> {
    const res = await this.#run(() => this.#calls.kv.range({ key: Buffer.from(key) }, this.#deadline()));
    return res.kvs[0] && toEntry(res.kvs[0]);
  }

  async currentRevision(): Promise<number> {
    const res = await this.#run(() =>
      this.#calls.kv.range({ key: Buffer.from('\0'), count_only: true, limit: 1 }, this.#deadline()),
    );
    return Number(res.header.revision);
  }

  async range(from: string, to: string, options: { limit: number; revision: number }): Promise<EtcdPage> {
    const req = {
      key: Buffer.from(from),
      range_end: Buffer.from(to),
      limit: options.limit,
      revision: options.revision,
    };
    const res = await this.#run(() => this.#ranges.kv.range(req, this.#deadline(6)));
    return {
      entries: res.kvs.map(toEntry),
      revision: Number(res.header.revision),
      more: res.more,
      count: Number(res.count),
    };
  }

  put(key: string, value: Buffer, modRevision: number): Promise<SwapResult> {
    return this.#swap(key, modRevision, { request_put: { key: Buffer.from(key), value } });
  }

  delete(key: string, modRevision: number): Promise<SwapResult> {
    return this.#swap(key, modRevision, { request_delete_range: { key: Buffer.from(key) } });
  }

  async #swap(key: string, modRevision: number, op: NonNullable<ITxnRequest['success']>[number]): Promise<SwapResult> {
    const keyBytes = Buffer.from(key);
    const req: ITxnRequest = {
      compare: [{ target: 'Mod', result: 'Equal', key: keyBytes, mod_revision: modRevision }],
      success: [op],
      failure: [{ request_range: { key: keyBytes } }],
    };
    const res = await this.#run(() => this.#calls.kv.txn(req, this.#deadline()));
    if (res.succeeded) return { done: true, revision: Number(res.header.revision) };
    const found = res.responses[0]?.response_range.kvs[0];
    return { done: false, current: found && toEntry(found) };
  }

  async compact(revision: number): Promise<void> {
    await this.#run(() => this.#calls.kv.compact({ revision }, this.#deadline(6)));
  }

  async watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void> {
    const stream = await this.#watches.watchClient.watch();
    let over = false;
    const end = (err?: Error) => {
      if (over) return;
      over = true;
      stream.end();
      handlers.onEnd(err);
    };
    stream.on('data', (res: IWatchResponse) => {
      if (over) return;
      if (res.canceled) {
        const compacted = Number(res.compact_revision) > 0;
        return end(
          compacted ? new CompactedError(res.cancel_reason) : new Error(`watch cancelled: ${res.cancel_reason}`),
        );
      }
      if (res.created) return handlers.onCreated?.(Number(res.header.revision), String(res.header.cluster_id));
      if (res.events.length > 0) handlers.onEvents(res.events.map(toEvent), Number(res.header.revision));
    });
    stream.on('error', (err: Error) => end(err));
    stream.on('end', () => end());
    const zero = Buffer.from('\0');
    stream.write({ create_request: { key: zero, range_end: zero, start_revision: startRevision } });
    return () => {
      over = true;
      stream.end();
    };
  }

  close(): void {
    for (const client of [this.#calls, this.#ranges, this.#watches]) client.close();
  }

  #deadline(times = 1) {
    return { deadline: this.#now() + callDeadlineMs * times };
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (err) {
      const message = err instanceof Error ? err.message : String(err);
      if (message.includes('has been compacted')) throw new CompactedError(message, { cause: err });
      if (message.includes('database space exceeded') || message.includes('no space')) {
        throw new EtcdNoSpaceError({ cause: err });
      }
      if (/request is too large|message larger than max/.test(message)) throw new EtcdTooLargeError({ cause: err });
      throw new EtcdUnavailableError(explainFailure(message), { cause: err });
    }
  }
}

/** The words of a failed gRPC call without gRPC's wrapping. */
function explainFailure(message: string): string {
  const reason = /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(message)?.[1] ?? message;
  return `etcd does not answer, its log says why: ${reason}`;
}

function connect(options: EtcdOptions): Etcd3 {
  return new Etcd3({
    hosts: options.servers,
    ...(options.tls
      ? { credentials: { rootCertificate: options.tls.ca, certChain: options.tls.cert, privateKey: options.tls.key } }
      : {}),
    grpcOptions: {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 500,
      'grpc-node.flow_control_window': 16 * 1024 * 1024,
      // TLS may not be given an address as server name; etcd's certificate on loopback names localhost too.
      ...(options.tls && options.servers.every(isLoopback) ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
    },
    faultHandling: { host: () => noop, global: noop },
  });
}

const isLoopback = (server: string) => new URL(server).hostname === '127.0.0.1';

function toEntry(kv: IKeyValue): EtcdEntry {
  return { key: kv.key.toString(), value: kv.value, modRevision: Number(kv.mod_revision) };
}

function toEvent(event: IWatchResponse['events'][number]): EtcdEvent {
  const { kv } = event;
  return {
    type: event.type === 'Delete' ? 'DELETE' : 'PUT',
    key: kv.key.toString(),
    value: kv.value,
    modRevision: Number(kv.mod_revision),
    isCreate: kv.create_revision === kv.mod_revision,
  };
}
