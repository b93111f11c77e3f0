// An informer's objects with own newer ones in their place: what has just been written and the watch has not shown yet, or
// what is about to be written. Upstream: the binder's own cache, and the scheduler's assume cache.
import { type KubeObject, keyOf } from '../machinery/metadata.ts';
import type { Informer } from './informer.ts';
import type { Lister } from './store.ts';

interface Own<T> {
  object: T;
  /** The first version of the server that is newer. */
  until: bigint;
}

const versionOf = ({ metadata }: KubeObject) => BigInt(metadata.resourceVersion ?? 0);

export class Overlay<T extends KubeObject> {
  readonly #lister: Lister<T>;
  readonly #own = new Map<string, Own<T>>();

  constructor(informer: Informer<T>) {
    this.#lister = informer.lister;
    informer.onChange((object, old) => {
      const key = keyOf((object ?? old)!);
      const own = this.#own.get(key);
      if (own && (!object || isOver(own, object))) this.#own.delete(key);
    });
  }

  /** The server's answer to a write. */
  written(object: T): T {
    this.#own.set(keyOf(object), { object, until: versionOf(object) });
    return object;
  }

  /** As the object will be: until it is withdrawn, or the server shows another version than the one it was made from. */
  assume(object: T): void {
    this.#own.set(keyOf(object), { object, until: versionOf(object) + 1n });
  }

  /** Takes back what was assumed, but not what has been written since. */
  withdraw(key: string): void {
    const own = this.#own.get(key);
    if (own && own.until > versionOf(own.object)) this.#own.delete(key);
  }

  get(key: string): T | undefined {
    const seen = this.#lister.get(key);
    return seen && this.latest(seen);
  }

  /** In the place of one from the informer. */
  latest(seen: T): T {
    const own = this.#own.size === 0 ? undefined : this.#own.get(keyOf(seen));
    return own && !isOver(own, seen) ? own.object : seen;
  }

  byIndex(index: string, value: string): T[] {
    return this.#lister.byIndex(index, value).map((seen) => this.latest(seen));
  }
}

const isOver = <T extends KubeObject>({ object, until }: Own<T>, seen: T): boolean =>
  seen.metadata.uid !== object.metadata.uid || versionOf(seen) >= until;
