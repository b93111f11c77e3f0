// Expectations keep a controller from acting twice on what its cache has not seen yet: after it
// creates or deletes children it waits until the watch has shown each of them, or five minutes have
// passed. Upstream: pkg/controller's UIDTrackingControllerExpectations.
import type { Clock } from '../machinery/clock.ts';

const expiryMs = 5 * 60_000;

interface Expected {
  creations: number;
  /** Keys (`namespace/name` or uid) whose deletion is awaited. */
  deletions: Set<string>;
  atMs: number;
}

export class Expectations {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #byOwner = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Milliseconds until what has not been seen is given up; 0 when everything has. Nothing else may
   * happen until then: come back by a timer.
   */
  leftMs(owner: string): number {
    const e = this.#byOwner.get(owner);
    if (!e || (e.creations <= 0 && e.deletions.size === 0)) return 0;
    return Math.max(0, e.atMs + expiryMs - this.#clock.monotonicMs());
  }

  /** What the owner is about to do to its children; replaces what was expected before. */
  expect(owner: string, { creations, deletions }: { creations: number; deletions: readonly string[] }): void {
    const atMs = this.#clock.monotonicMs();
    for (const [old, { atMs: madeMs }] of this.#byOwner) {
      if (madeMs + expiryMs > atMs) break;
      this.#byOwner.delete(old);
    }
    this.#byOwner.delete(owner);
    this.#byOwner.set(owner, { creations, deletions: new Set(deletions), atMs });
  }

  expectCreations(owner: string, count: number): void {
    this.expect(owner, { creations: count, deletions: [] });
  }

  expectDeletions(owner: string, children: readonly string[]): void {
    this.expect(owner, { creations: 0, deletions: children });
  }

  /** A child has been seen, or its creation failed and it will never be. */
  creationObserved(owner: string): void {
    const e = this.#byOwner.get(owner);
    if (e && e.creations > 0) e.creations--;
    this.#tidy(owner, e);
  }

  deletionObserved(owner: string, child: string): void {
    const e = this.#byOwner.get(owner);
    e?.deletions.delete(child);
    this.#tidy(owner, e);
  }

  #tidy(owner: string, e: Expected | undefined): void {
    if (e && e.creations <= 0 && e.deletions.size === 0) this.#byOwner.delete(owner);
  }

  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }
}
