// What happened in the cluster while pods are in their cycles: one list for all of them, in which each knows where it
// began. A burst of pods costs one entry an event, not one for each pod.
import type { ClusterEvent } from '../framework/plugin.ts';

const trimAbove = 1_024;

export class EventLog {
  #events: ClusterEvent[] = [];
  /** How many have been dropped from the beginning. */
  #dropped = 0;
  /** Where those began who still follow, in that order. */
  readonly #followers = new Map<object, number>();

  /** From now on the events are kept for `follower`. */
  begin(follower: object): void {
    this.#followers.delete(follower);
    this.#followers.set(follower, this.#dropped + this.#events.length);
  }

  add(event: ClusterEvent): void {
    if (this.#followers.size > 0) this.#events.push(event);
  }

  /** What came since `begin`. */
  end(follower: object): readonly ClusterEvent[] {
    const at = this.#followers.get(follower);
    if (at === undefined) return [];
    this.#followers.delete(follower);
    const events = this.#events.slice(at - this.#dropped);
    this.#trim();
    return events;
  }

  get size(): number {
    return this.#events.length;
  }

  #trim(): void {
    const [first] = this.#followers.values();
    if (first === undefined) {
      this.#dropped += this.#events.length;
      this.#events = [];
    } else if (first - this.#dropped > trimAbove) {
      this.#events = this.#events.slice(first - this.#dropped);
      this.#dropped = first;
    }
  }
}
