// Who watches a resource. A watcher that selects by the value of a field is found by that value, so that an event
// costs what its watchers cost, however many others there are: a pod concerns the kubelet of its node and no other.
// Upstream: the triggers of the cacher.
import type { CacheEvent, CacheWatcher } from './resource-cache.ts';
import type { StoredObject } from './stored-object.ts';

interface FieldIndex {
  read(stored: StoredObject): string;
  byValue: Map<string, Set<CacheWatcher>>;
}

export class WatcherSet {
  readonly #everything = new Set<CacheWatcher>();
  readonly #byField = new Map<string, FieldIndex>();

  get size(): number {
    let count = this.#everything.size;
    for (const { byValue } of this.#byField.values()) for (const set of byValue.values()) count += set.size;
    return count;
  }

  add(watcher: CacheWatcher): void {
    const { trigger } = watcher;
    if (!trigger) return void this.#everything.add(watcher);
    const index = this.#byField.getOrInsertComputed(trigger.field, () => ({ read: trigger.read, byValue: new Map() }));
    index.byValue.getOrInsertComputed(trigger.value, () => new Set()).add(watcher);
  }

  delete(watcher: CacheWatcher): void {
    const { trigger } = watcher;
    if (!trigger) return void this.#everything.delete(watcher);
    const index = this.#byField.get(trigger.field);
    const set = index?.byValue.get(trigger.value);
    if (!index || !set) return;
    set.delete(watcher);
    if (set.size === 0) index.byValue.delete(trigger.value);
    if (index.byValue.size === 0) this.#byField.delete(trigger.field);
  }

  has(watcher: CacheWatcher): boolean {
    const { trigger } = watcher;
    if (!trigger) return this.#everything.has(watcher);
    return this.#byField.get(trigger.field)?.byValue.get(trigger.value)?.has(watcher) ?? false;
  }

  clear(): void {
    this.#everything.clear();
    this.#byField.clear();
  }

  *all(): Generator<CacheWatcher> {
    yield* this.#everything;
    for (const { byValue } of this.#byField.values()) for (const set of byValue.values()) yield* set;
  }

  /** Those whom an event may concern: by the values of their fields before and after it. */
  *concerned({ stored, previous }: CacheEvent): Generator<CacheWatcher> {
    yield* this.#everything;
    for (const { read, byValue } of this.#byField.values()) {
      const after = read(stored);
      yield* byValue.get(after) ?? [];
      const before = previous && read(previous);
      if (before !== undefined && before !== after) yield* byValue.get(before) ?? [];
    }
  }
}
