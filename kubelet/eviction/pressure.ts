// What the node is short of, over time: soft thresholds have to be met for a while, a condition stays for a while
// after it was seen last. Pure. Upstream: synchronize in eviction_manager.go.
import { isMet, type Observations, type PressureCondition, signals, type Threshold } from './thresholds.ts';

export class Pressure {
  readonly #thresholds: readonly Threshold[];
  readonly #transitionMs: number;
  /** Since when each threshold is met. */
  #since = new Map<Threshold, number>();
  readonly #seenAtMs = new Map<PressureCondition, number>();
  #due: Threshold[] = [];
  #conditions: PressureCondition[] = [];

  constructor(thresholds: readonly Threshold[], transitionMs: number) {
    this.#thresholds = thresholds;
    this.#transitionMs = transitionMs;
  }

  get conditions(): readonly PressureCondition[] {
    return this.#conditions;
  }

  /** Takes in what is seen now; answers the thresholds to act on, memory first. */
  observe(found: Observations, nowMs: number): readonly Threshold[] {
    const met = this.#thresholds.filter((t) => isMet(t, found, this.#due.includes(t)));
    this.#since = new Map(met.map((t) => [t, this.#since.get(t) ?? nowMs]));
    for (const { signal } of met) this.#seenAtMs.set(signals[signal].condition, nowMs);
    this.#conditions = [...this.#seenAtMs]
      .filter(([condition, atMs]) => isSeen(condition, met) || nowMs - atMs < this.#transitionMs)
      .map(([condition]) => condition);
    this.#due = met.filter((t) => nowMs - this.#since.get(t)! >= t.graceMs);
    return this.#due.toSorted((a, b) => Number(isMemory(b)) - Number(isMemory(a)));
  }

  /** Whether anything is still below its threshold, or has not yet given back what it should. */
  isShort(found: Observations): boolean {
    return this.#thresholds.some((t) => isMet(t, found, true));
  }
}

const isMemory = ({ signal }: Threshold) => signal === 'memory.available';
const isSeen = (condition: PressureCondition, met: readonly Threshold[]) =>
  met.some(({ signal }) => signals[signal].condition === condition);
