// Exponential back-off per key, as the kubelet uses it for restarts and for pulls: 10 s, 20 s, ...
// 300 s, or to a shorter longest wait. An entry that nothing happened to for twice the longest wait is forgotten. Upstream:
// client-go/util/flowcontrol.Backoff.
import type { Clock } from '../../machinery/clock.ts';
import { parseGoDuration } from '../../machinery/duration.ts';

interface Entry {
  delayMs: number;
  updatedMs: number;
}

const initialBackOffMs = 10_000;
const maxBackOffMs = 300_000;

export class BackOff {
  readonly #clock: Clock;
  readonly #maxMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, maxMs = maxBackOffMs) {
    this.#clock = clock;
    this.#maxMs = maxMs;
  }

  /** The current wait of the key; zero when it has none. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Milliseconds for which the key still has to wait, counted from `sinceMs`. */
  remainingMs(key: string, sinceMs: number): number {
    const entry = this.#entries.get(key);
    if (!entry || this.#isExpired(entry, sinceMs)) return 0;
    return Math.max(0, sinceMs + entry.delayMs - this.#clock.now());
  }

  /** Notes a try at `sinceMs`: the next one waits, or waits longer. */
  next(key: string, sinceMs: number): void {
    const entry = this.#entries.get(key);
    const delayMs = !entry || this.#isExpired(entry, sinceMs) ? initialBackOffMs : entry.delayMs * 2;
    this.#entries.set(key, { delayMs: Math.min(delayMs, this.#maxMs), updatedMs: this.#clock.now() });
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #isExpired(entry: Entry, eventMs: number): boolean {
    return eventMs - entry.updatedMs > 2 * this.#maxMs;
  }
}

/**
 * How long a container that ends again and again waits at most, in milliseconds. Throws for what upstream's
 * KubeletConfiguration does not take as crashLoopBackOff.maxContainerRestartPeriod. KEP-4603.
 */
export function parseMaxRestartPeriod(text: string): number {
  const ms = parseGoDuration(text);
  if (ms >= 1_000 && ms <= maxBackOffMs) return ms;
  throw new Error(
    `CrashLoopBackOff.MaxContainerRestartPeriod (got: ${ms / 1000} seconds) must be set between 1s and 300s`,
  );
}
