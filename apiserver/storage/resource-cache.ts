// The cache of one resource: its objects in key order, the events of the recent past, and who
// watches. Fed by the watch cache, one event at a time, in revision order. Upstream: the cacher and
// watch_cache of apiserver's storage.
import type { FieldsOf, StoredObject } from './stored-object.ts';
import { WatcherSet } from './watcher-set.ts';

export interface CacheEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  revision: number;
  /** The object after the event; for DELETED its last state at the revision of its deletion. */
  stored: StoredObject;
  /** The object before the event. */
  previous: StoredObject | undefined;
}

export interface CacheWatcher {
  /** Only keys that start with this. */
  readonly prefix: string;
  /** Only objects whose field has this value, or had it. `read` is the same for all watchers of a field. */
  readonly trigger?: { field: string; value: string; read(stored: StoredObject): string };
  onEvent(event: CacheEvent): void;
  /** After a batch of events: write them out. */
  flush(): void;
  /** The cache was reset or is closing; the watch must end. */
  onReset(): void;
}

interface ResourceCacheOptions {
  fieldsOf?: FieldsOf | undefined;
  /** An object that a watcher could not deal with, which ended that watch. */
  onWatcherError?(err: unknown, key: string): void;
}

/** The window of events: as many as watches that come back may need, and no more bytes than are worth it. */
const maxWindowEvents = 16_384;
const maxWindowBytes = 16 * 1024 * 1024;
const windowAgeMs = 5 * 60_000;

export class ResourceCache {
  readonly #byKey = new Map<string, StoredObject>();
  #sortedKeys: string[] = [];
  /** Keys whose last write cannot be decoded, and why. */
  readonly #unreadable = new Map<string, Error>();
  #window: { event: CacheEvent; atMs: number }[] = [];
  #windowBytes = 0;
  /** Events at or before this revision are no longer in the window. */
  #windowStart: number;
  /** Revision of the last change of this resource that the cache has seen. */
  #changedAt: number;
  readonly watchers = new WatcherSet();
  /** Watchers that were told something since the last flush. */
  readonly #told = new Set<CacheWatcher>();
  readonly #options: ResourceCacheOptions;
  /** The revision at which the initial state was read. */
  readonly loadedAt: number;

  constructor(revision: number, options: ResourceCacheOptions = {}) {
    this.#options = options;
    this.loadedAt = revision;
    this.#windowStart = revision;
    this.#changedAt = revision;
  }

  get changedAt(): number {
    return this.#changedAt;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get hasUnreadable(): boolean {
    return this.#unreadable.size > 0;
  }

  /** Throws for an object that is there and cannot be read. */
  get(key: string): StoredObject | undefined {
    const why = this.#unreadable.get(key);
    if (why) throw why;
    return this.#byKey.get(key);
  }

  /** Objects whose keys start with `prefix`, in key order, beginning at `from` (a whole key) if given. */
  *list(prefix: string, from = prefix): Generator<StoredObject> {
    const keys = this.#sortedKeys;
    for (let i = lowerBound(keys, from); i < keys.length; i++) {
      const key = keys[i]!;
      if (!key.startsWith(prefix)) return;
      yield this.#byKey.get(key)!;
    }
  }

  /** Loads the initial state. Keys come in order. */
  load(objects: StoredObject[]): void {
    for (const stored of objects) {
      this.#prepare(stored);
      this.#byKey.set(stored.key, stored);
    }
    this.#sortedKeys = objects.map((o) => o.key);
  }

  /** Notes what selectors ask for; the rest of the object is in its bytes. */
  #prepare(stored: StoredObject): void {
    if (this.#options.fieldsOf) stored.fields = this.#options.fieldsOf(stored.object);
    stored.rest();
  }

  /** The object under a key, if it is there and readable. */
  peek(key: string): StoredObject | undefined {
    return this.#byKey.get(key);
  }

  /** A write that cannot be decoded: nobody is told of it but who asks for that object. */
  spoil(key: string, why: Error): void {
    this.#unreadable.set(key, why);
  }

  put(stored: StoredObject, nowMs: number): void {
    this.#unreadable.delete(stored.key);
    const previous = this.#byKey.get(stored.key);
    if (this.#options.fieldsOf) stored.fields = this.#options.fieldsOf(stored.object);
    if (!previous) this.#sortedKeys.splice(lowerBound(this.#sortedKeys, stored.key), 0, stored.key);
    this.#byKey.set(stored.key, stored);
    this.#emit({ type: previous ? 'MODIFIED' : 'ADDED', revision: stored.revision, stored, previous }, nowMs);
    // Whoever wanted to look at it has done so.
    stored.rest();
    previous?.rest();
  }

  remove(key: string, revision: number, nowMs: number): void {
    this.#unreadable.delete(key);
    const previous = this.#byKey.get(key);
    if (!previous) return;
    this.#byKey.delete(key);
    this.#sortedKeys.splice(lowerBound(this.#sortedKeys, key), 1);
    this.#emit({ type: 'DELETED', revision, stored: previous.atRevision(revision), previous }, nowMs);
  }

  #emit(event: CacheEvent, nowMs: number): void {
    this.#changedAt = event.revision;
    this.#window.push({ event, atMs: nowMs });
    this.#windowBytes += event.stored.size;
    if (this.#window.length > maxWindowEvents || this.#windowBytes > maxWindowBytes) this.#trim(nowMs);
    for (const watcher of this.watchers.concerned(event)) {
      if (!event.stored.key.startsWith(watcher.prefix)) continue;
      this.#told.add(watcher);
      try {
        watcher.onEvent(event);
      } catch (err) {
        // An object that one watcher cannot deal with ends that watch, and is nobody else's trouble.
        this.#options.onWatcherError?.(err, event.stored.key);
        watcher.onReset();
      }
    }
  }

  /** From time to time: forgets old events, and what objects nobody works with need not keep. */
  sweep(nowMs: number): void {
    this.#trim(nowMs);
    for (const stored of this.#byKey.values()) stored.restIfIdle();
    for (const { event } of this.#window) {
      event.previous?.rest();
      if (event.type === 'DELETED') event.stored.rest();
    }
  }

  /** Drops what is too old, and the older half of what is too much: dropping in bulk keeps an event cheap. */
  #trim(nowMs: number): void {
    const isFull = this.#window.length > maxWindowEvents || this.#windowBytes > maxWindowBytes;
    let bytes = this.#windowBytes;
    let drop = 0;
    for (const { event, atMs } of this.#window) {
      const isTooMuch = isFull && (this.#window.length - drop > maxWindowEvents / 2 || bytes > maxWindowBytes / 2);
      if (atMs >= nowMs - windowAgeMs && !isTooMuch) break;
      bytes -= event.stored.size;
      drop++;
    }
    if (drop === 0) return;
    this.#windowStart = this.#window[drop - 1]!.event.revision;
    this.#windowBytes = bytes;
    this.#window.splice(0, drop);
  }

  /** Events after `revision`, or undefined when they are no longer all known. */
  since(revision: number): CacheEvent[] | undefined {
    if (revision < this.#windowStart) return undefined;
    let first = this.#window.length;
    while (first > 0 && this.#window[first - 1]!.event.revision > revision) first--;
    return this.#window.slice(first).map((w) => w.event);
  }

  get oldestRevision(): number {
    return this.#windowStart;
  }

  flush(): void {
    for (const watcher of this.#told) if (this.watchers.has(watcher)) watcher.flush();
    this.#told.clear();
  }

  /** Ends every watch. */
  reset(): void {
    for (const watcher of [...this.watchers.all()]) watcher.onReset();
    this.watchers.clear();
  }
}

/** Index of the first key >= `key`. */
function lowerBound(keys: string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (keys[mid]! < key) low = mid + 1;
    else high = mid;
  }
  return low;
}
