// The cache of one resource: its objects in key order, the events of the recent past, and who
// watches. Fed by the watch cache, one event at a time, in revision order. Upstream: the cacher and
// watch_cache of apiserver's storage.
import { atRevision, type StoredObject } from './stored-object.ts';

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
  onEvent(event: CacheEvent): void;
  /** After a batch of events: write them out. */
  flush(): void;
  /** The cache was reset or is closing; the watch must end. */
  onReset(): void;
}

const maxWindowEvents = 4096;
const windowAgeMs = 5 * 60_000;

export class ResourceCache {
  readonly #byKey = new Map<string, StoredObject>();
  #sortedKeys: string[] = [];
  /** Keys whose last write cannot be decoded, and why. */
  readonly #unreadable = new Map<string, Error>();
  #window: { event: CacheEvent; atMs: number }[] = [];
  /** Events at or before this revision are no longer in the window. */
  #windowStart: number;
  /** Revision of the last change of this resource that the cache has seen. */
  #changedAt: number;
  readonly watchers = new Set<CacheWatcher>();

  readonly #onWatcherError: (err: unknown, key: string) => void;
  /** The revision at which the initial state was read. */
  readonly loadedAt: number;

  constructor(revision: number, onWatcherError: (err: unknown, key: string) => void = () => undefined) {
    this.#onWatcherError = onWatcherError;
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
    for (const stored of objects) this.#byKey.set(stored.key, stored);
    this.#sortedKeys = objects.map((o) => o.key);
  }

  /** A write that cannot be decoded: nobody is told of it but who asks for that object. */
  spoil(key: string, why: Error): void {
    this.#unreadable.set(key, why);
  }

  put(stored: StoredObject, nowMs: number): void {
    this.#unreadable.delete(stored.key);
    const previous = this.#byKey.get(stored.key);
    if (!previous) this.#sortedKeys.splice(lowerBound(this.#sortedKeys, stored.key), 0, stored.key);
    this.#byKey.set(stored.key, stored);
    this.#emit({ type: previous ? 'MODIFIED' : 'ADDED', revision: stored.revision, stored, previous }, nowMs);
  }

  remove(key: string, revision: number, nowMs: number): void {
    this.#unreadable.delete(key);
    const previous = this.#byKey.get(key);
    if (!previous) return;
    this.#byKey.delete(key);
    this.#sortedKeys.splice(lowerBound(this.#sortedKeys, key), 1);
    this.#emit({ type: 'DELETED', revision, stored: atRevision(previous, revision), previous }, nowMs);
  }

  #emit(event: CacheEvent, nowMs: number): void {
    this.#changedAt = event.revision;
    this.#window.push({ event, atMs: nowMs });
    this.#trim(nowMs);
    for (const watcher of this.watchers) {
      if (!event.stored.key.startsWith(watcher.prefix)) continue;
      try {
        watcher.onEvent(event);
      } catch (err) {
        // An object that one watcher cannot deal with ends that watch, and is nobody else's trouble.
        this.#onWatcherError(err, event.stored.key);
        watcher.onReset();
      }
    }
  }

  #trim(nowMs: number): void {
    let drop = Math.max(0, this.#window.length - maxWindowEvents);
    while (drop < this.#window.length && this.#window[drop]!.atMs < nowMs - windowAgeMs) drop++;
    // Dropping in bulk keeps the cost of an event constant.
    if (drop < 64 && this.#window.length <= maxWindowEvents + 256) return;
    this.#windowStart = this.#window[drop - 1]!.event.revision;
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
    for (const watcher of this.watchers) watcher.flush();
  }

  /** Ends every watch. */
  reset(): void {
    for (const watcher of [...this.watchers]) watcher.onReset();
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
