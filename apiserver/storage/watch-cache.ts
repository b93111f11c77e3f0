// One etcd watch over the whole key space feeds the caches of all resources. Because every revision
// arrives on it, its position tells exactly how fresh the caches are: a consistent read asks etcd
// for its revision and waits until the watch has passed it.
//
//   load (range at R) ──> watch from R+1 ──events──> position advances
//        ^                      │ stream ends: watch again from position+1
//        └──────────────────────┴ compacted away, or etcd's history went back: reset, load again
import type { Clock, Timer } from '../../machinery/clock.ts';
import { StatusError } from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import { CompactedError, type Etcd, type EtcdEntry, type EtcdEvent } from './etcd.ts';
import { pagesOf } from './etcd-pages.ts';
import { ResourceCache } from './resource-cache.ts';
import { decodeEntry, type FieldsOf, type StoredObject } from './stored-object.ts';

const registryPrefix = '/registry/';
const registryEnd = '/registry0';
const rewatchDelayMs = 100;
const sweepPeriodMs = 10_000;
const freshnessDeadlineMs = 3_000;
// No more than this many questions for the current revision are under way; later requests share the next one.
const maxRevisionCalls = 2;
const otherHistory = 'the history of etcd is not the one that was cached';

interface WatchCacheContext {
  clock: Clock;
  log: Logger;
  /** Called with the prefix of its resource for every object that cannot be decoded. */
  onUnreadable?(prefix: string): void;
  /** How the selectable fields of a resource are read; undefined where it has none. */
  fieldsOf?(prefix: string): FieldsOf | undefined;
}

interface Unreadable {
  key: string;
  why: Error;
}

interface Waiter {
  revision: number;
  resolve(): void;
}

export class WatchCache {
  readonly #etcd: Etcd;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onUnreadable: (prefix: string) => void;
  /** By key prefix. */
  #resources = new Map<string, ResourceCache>();
  readonly #prefixes: Set<string>;
  readonly #fieldsOf: (prefix: string) => FieldsOf | undefined;
  readonly #sweep: Timer;
  readonly #loadListeners = new Set<() => void>();
  /** Counts what makes a load under way useless: resets, and resources that join before everything is loaded. */
  #epoch = 0;
  /** What this server has written and the watch has not brought back yet, by revision. */
  readonly #expected = new Map<number, StoredObject>();
  /** Events of resources that are being loaded after the start. */
  readonly #joining = new Map<string, EtcdEvent[]>();
  #position = 0;
  #clusterId = '';
  #ready = false;
  #closed = false;
  #endWatch: (() => void) | undefined;
  #waiters = new Set<Waiter>();
  #revisionCalls = 0;
  #nextRevision: Promise<number> | undefined;

  constructor(etcd: Etcd, prefixes: readonly string[], context: WatchCacheContext) {
    this.#onUnreadable = context.onUnreadable ?? (() => undefined);
    this.#etcd = etcd;
    this.#prefixes = new Set(prefixes);
    this.#clock = context.clock;
    this.#log = context.log;
    this.#fieldsOf = context.fieldsOf ?? (() => undefined);
    this.#sweep = this.#clock.every(sweepPeriodMs, () => {
      const nowMs = this.#clock.now();
      for (const cache of this.#resources.values()) cache.sweep(nowMs);
    });
  }

  get position(): number {
    return this.#position;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** How many objects there are under `prefix`, as far as they are loaded. */
  count(prefix: string): number {
    return this.#resources.get(prefix)?.size ?? 0;
  }

  /** The cache of the resource under `prefix`. */
  resource(prefix: string): ResourceCache {
    const cache = this.#resources.get(prefix);
    if (!cache) throw new StatusError(503, 'ServiceUnavailable', 'storage is (re)initializing');
    return cache;
  }

  /** Loads everything and starts to watch. Rejects when etcd cannot be read; call it again later. */
  async start(): Promise<void> {
    const epoch = this.#epoch;
    const { objects, unreadable, revision } = await this.#load(registryPrefix, registryEnd);
    if (epoch !== this.#epoch) return this.start();
    const byPrefix = new Map<string, StoredObject[]>([...this.#prefixes].map((p) => [p, []]));
    for (const stored of objects) byPrefix.get(this.#prefixOf(stored.key) ?? '')?.push(stored);
    this.#resources = new Map([...byPrefix].map(([prefix, list]) => [prefix, this.#makeCache(prefix, list, revision)]));
    for (const { key, why } of unreadable) this.#resources.get(this.#prefixOf(key) ?? '')?.spoil(key, why);
    this.#position = revision;
    this.#ready = true;
    this.#settleWaiters();
    await this.#watch();
    for (const listener of this.#loadListeners) listener();
  }

  /** Calls `listener` each time that everything has been loaded anew. */
  onLoaded(listener: () => void): void {
    this.#loadListeners.add(listener);
  }

  /** Loads everything anew where something could not be read, which may have become readable. */
  reloadUnreadable(): void {
    if ([...this.#resources.values()].some((cache) => cache.hasUnreadable))
      this.#reset('what was unreadable is read anew');
  }

  #makeCache(prefix: string, objects: StoredObject[], revision: number): ResourceCache {
    const cache = new ResourceCache(revision, {
      fieldsOf: this.#fieldsOf(prefix),
      onWatcherError: (err, key) => this.#log.error({ err, key }, 'a watch ended: it could not deal with an object'),
    });
    cache.load(objects);
    return cache;
  }

  /**
   * Serves one more resource. Its objects are read at a revision of their own and its events go on from there, while
   * the one watch goes on for everybody. Resolves when the cache of the resource is whole.
   */
  async join(prefix: string): Promise<void> {
    if (this.#prefixes.has(prefix)) return;
    this.#prefixes.add(prefix);
    if (!this.#ready) this.#epoch++;
    while (this.#prefixes.has(prefix) && !this.#resources.has(prefix) && !this.#closed) {
      try {
        if (this.#ready) await this.#joinNow(prefix);
      } catch (err) {
        this.#log.warn({ err, prefix }, 'a resource cannot be loaded; trying again');
      }
      if (!this.#resources.has(prefix)) await this.#clock.sleep(rewatchDelayMs);
    }
  }

  async #joinNow(prefix: string): Promise<void> {
    const epoch = this.#epoch;
    const events: EtcdEvent[] = [];
    this.#joining.set(prefix, events);
    try {
      const { objects, unreadable, revision } = await this.#load(prefix, `${prefix.slice(0, -1)}0`);
      // Until then the position would not say how fresh this cache is.
      await this.waitFor(revision);
      if (epoch !== this.#epoch || !this.#prefixes.has(prefix)) return;
      const cache = this.#makeCache(prefix, objects, revision);
      for (const { key, why } of unreadable) cache.spoil(key, why);
      this.#resources.set(prefix, cache);
      const nowMs = this.#clock.now();
      for (const event of events) this.#feed(cache, event, nowMs);
    } finally {
      this.#joining.delete(prefix);
    }
  }

  /** Serves a resource no longer: its watches end, its objects are forgotten. In etcd they stay. */
  leave(prefix: string): void {
    this.#prefixes.delete(prefix);
    this.#resources.get(prefix)?.reset();
    this.#resources.delete(prefix);
  }

  async #load(
    first: string,
    end: string,
  ): Promise<{ objects: StoredObject[]; unreadable: Unreadable[]; revision: number }> {
    const objects: StoredObject[] = [];
    const unreadable: Unreadable[] = [];
    let revision = 0;
    for await (const page of pagesOf(this.#etcd, first, end, { limit: 0, revision: 0 })) {
      if (revision === 0) revision = page.revision;
      for (const entry of page.entries) {
        const stored = this.#decode(entry, (why) => unreadable.push({ key: entry.key, why }));
        if (stored) objects.push(stored);
      }
    }
    return { objects, unreadable, revision };
  }

  /**
   * Takes what was just written, so that it need not be read again when the watch brings it. Returns the object that
   * the cache has or will have: the watch may have been faster.
   */
  expect(prefix: string, stored: StoredObject): StoredObject {
    const there = this.#resources.get(prefix)?.peek(stored.key);
    if (there?.revision === stored.revision) return there;
    if (stored.revision > this.#position) this.#expected.set(stored.revision, stored);
    return stored;
  }

  /** Undefined for what cannot be decoded: one bad key must not take everything else along. */
  #decode(entry: EtcdEntry, onUnreadable: (why: Error) => void): StoredObject | undefined {
    const { key, modRevision } = entry;
    const prefix = this.#prefixOf(key);
    if (prefix === undefined) return undefined;
    const own = this.#expected.get(modRevision);
    if (own?.key === key) return own;
    try {
      return decodeEntry(entry);
    } catch (err) {
      this.#log.error({ err, key, revision: modRevision }, 'a stored object cannot be decoded');
      this.#onUnreadable(prefix);
      onUnreadable(err as Error);
      return undefined;
    }
  }

  /** `/registry/pods/ns/name` -> `/registry/pods/`; undefined for keys of nobody. */
  #prefixOf(key: string): string | undefined {
    const first = key.indexOf('/', registryPrefix.length);
    if (first < 0) return undefined;
    const core = key.slice(0, first + 1);
    if (this.#prefixes.has(core)) return core;
    const second = key.indexOf('/', first + 1);
    const grouped = second < 0 ? '' : key.slice(0, second + 1);
    return this.#prefixes.has(grouped) ? grouped : undefined;
  }

  async #watch(): Promise<void> {
    if (this.#closed) return;
    try {
      this.#endWatch = await this.#etcd.watchAll(this.#position + 1, {
        onCreated: (revision, clusterId) => this.#onCreated(revision, clusterId),
        onEvents: (events) => this.#onEvents(events),
        onEnd: (err) => this.#onEnd(err),
      });
    } catch (err) {
      this.#onEnd(err as Error);
    }
  }

  #onCreated(revision: number, clusterId: string): void {
    const otherStore = this.#clusterId !== '' && this.#clusterId !== clusterId;
    this.#clusterId = clusterId;
    if (otherStore) this.#reset(otherHistory);
    else if (revision < this.#position) void this.#checkHistory(this.#position);
  }

  /** A member that is behind the others will come to where the watch was; a history that ends before will not. */
  async #checkHistory(position: number): Promise<void> {
    const epoch = this.#epoch;
    for (;;) {
      if (this.#closed || epoch !== this.#epoch) return;
      try {
        const revision = await this.#etcd.currentRevision();
        if (revision < position && epoch === this.#epoch) this.#reset(otherHistory);
        return;
      } catch (err) {
        this.#log.warn({ err }, 'etcd does not say how far its history goes; asking again');
        await this.#clock.sleep(rewatchDelayMs);
      }
    }
  }

  #onEvents(events: EtcdEvent[]): void {
    const nowMs = this.#clock.now();
    const touched = new Set<ResourceCache>();
    for (const event of events) {
      const prefix = this.#prefixOf(event.key);
      if (prefix === undefined) continue;
      this.#joining.get(prefix)?.push(event);
      const cache = this.#resources.get(prefix);
      if (!cache) continue;
      this.#feed(cache, event, nowMs);
      touched.add(cache);
    }
    this.#position = events[events.length - 1]!.modRevision;
    for (const cache of touched) cache.flush();
    for (const revision of this.#expected.keys()) if (revision <= this.#position) this.#expected.delete(revision);
    this.#settleWaiters();
  }

  #feed(cache: ResourceCache, event: EtcdEvent, nowMs: number): void {
    // What was loaded while the watch was still behind has seen these already.
    if (event.modRevision <= cache.loadedAt) return;
    if (event.type === 'PUT') {
      const stored = this.#decode(event, (why) => cache.spoil(event.key, why));
      if (stored) cache.put(stored, nowMs);
    } else {
      cache.remove(event.key, event.modRevision, nowMs);
    }
  }

  #onEnd(err: Error | undefined): void {
    if (this.#closed) return;
    if (err instanceof CompactedError) {
      this.#reset('the position of the watch was compacted away');
      return;
    }
    if (err) this.#log.warn({ err, position: this.#position }, 'etcd watch ended; watching again');
    this.#clock.after(rewatchDelayMs, () => void this.#watch());
  }

  /** Drops all caches, ends all watches with 410, and loads again. */
  #reset(why: string): void {
    this.#log.warn({ why, position: this.#position }, 'watch cache reset');
    this.#ready = false;
    this.#epoch++;
    this.#expected.clear();
    this.#endWatch?.();
    const old = this.#resources;
    this.#resources = new Map();
    this.#clusterId = '';
    for (const cache of old.values()) cache.reset();
    const load = () => {
      if (this.#closed) return;
      this.start().catch((err) => {
        this.#log.warn({ err }, 'loading the watch cache failed; trying again');
        this.#clock.after(rewatchDelayMs, load);
      });
    };
    load();
  }

  /** Waits until the caches hold everything that was written before this call. Returns the revision. */
  async waitConsistent(): Promise<number> {
    const revision = await this.#currentRevision();
    await this.waitFor(revision);
    return revision;
  }

  #currentRevision(): Promise<number> {
    if (this.#nextRevision) return this.#nextRevision;
    const gathered = this.#gather().then(async () => {
      this.#nextRevision = undefined;
      this.#revisionCalls++;
      try {
        return await this.#etcd.currentRevision();
      } finally {
        this.#revisionCalls--;
        this.#freed?.();
      }
    });
    this.#nextRevision = gathered;
    return gathered;
  }

  #freed: (() => void) | undefined;

  /** Until the question may be sent: requests that come meanwhile share it. */
  async #gather(): Promise<void> {
    await Promise.resolve();
    if (this.#revisionCalls < maxRevisionCalls) return;
    await new Promise<void>((resolve) => {
      this.#freed = resolve;
    });
    this.#freed = undefined;
  }

  /**
   * Waits until the caches have reached `revision`; 504 with a ResourceVersionTooLarge cause when
   * that takes too long.
   */
  waitFor(revision: number): Promise<void> {
    if (this.#ready && this.#position >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        resolve() {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.#clock.after(freshnessDeadlineMs, () => {
        this.#waiters.delete(waiter);
        reject(tooLargeRevision(revision, this.#position));
      });
      this.#waiters.add(waiter);
    });
  }

  #settleWaiters(): void {
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#position) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  close(): void {
    this.#closed = true;
    this.#sweep.cancel();
    this.#endWatch?.();
    for (const cache of this.#resources.values()) cache.reset();
  }
}

function tooLargeRevision(asked: number, current: number): StatusError {
  const text = `Timeout: Too large resource version: ${asked}, current: ${current}`;
  return new StatusError(504, 'Timeout', text, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
