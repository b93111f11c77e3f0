// What one request has taken for a Service, until it is known whether the Service was stored.

import type { KubeObject } from '../../machinery/metadata.ts';
import { isLocked, type Lock, type LockDeps, lockKey, locksOf, type Owner, releaseLock, takeLock } from './locks.ts';

export class Holding {
  readonly #deps: LockDeps;
  readonly #owner: Owner;
  /** A dry run looks, and takes nothing. */
  readonly #isDryRun: boolean;
  readonly #taken = new Map<string, Lock>();

  constructor(deps: LockDeps, owner: Owner, isDryRun: boolean) {
    this.#deps = deps;
    this.#owner = owner;
    this.#isDryRun = isDryRun;
  }

  /** False when it is somebody else's. */
  async take(lock: Lock): Promise<boolean> {
    if (this.#isDryRun) return !isLocked(this.#deps, lock);
    if (!(await takeLock(this.#deps, lock, this.#owner))) return false;
    this.#taken.set(lockKey(lock), lock);
    return true;
  }

  /** Takes the first that is free; undefined when none is, also not in a cache that knows of everything until now. */
  async takeOneOf(candidates: () => Iterable<Lock>): Promise<Lock | undefined> {
    for (const isFresh of [false, true]) {
      if (isFresh) await this.#deps.store.cache.waitConsistent();
      for (const lock of candidates()) {
        if (!isLocked(this.#deps, lock) && (await this.take(lock))) return lock;
      }
    }
    return undefined;
  }

  /** Nothing was stored: everything goes back. */
  async undo(): Promise<void> {
    await this.#release([...this.#taken.values()]);
  }

  /** The Service is now as `kept` says, or gone: what it had before, and was taken, and is not kept goes back. */
  async settle(before: readonly KubeObject[], kept: KubeObject | undefined): Promise<void> {
    const keys = new Set(kept ? locksOf(kept).map(lockKey) : []);
    const had = [...before.flatMap(locksOf), ...this.#taken.values()];
    await this.#release(had.filter((lock) => !keys.has(lockKey(lock))));
  }

  async #release(locks: readonly Lock[]): Promise<void> {
    // What cannot be given back now is found later: see repair.ts.
    await Promise.allSettled(locks.map((lock) => releaseLock(this.#deps, lock, this.#owner)));
  }
}
