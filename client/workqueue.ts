// The work queue of controllers. Upstream's guarantees (client-go/util/workqueue):
// - a key added while it waits is there once; added while it is being processed, it is processed again afterwards, never twice at a time
// - retries of one key wait longer each time, up to a limit
import type { Clock, Timer } from '../machinery/clock.ts';
import type { QueueMetrics, QueueState } from './workqueue-metrics.ts';

export interface WorkQueueOptions {
  clock: Clock;
  /** First retry of a key after so long. */
  baseDelayMs?: number;
  maxDelayMs?: number;
  /** Where the queue counts, given how to ask for its state. */
  metrics?(state: () => QueueState): QueueMetrics;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #ready: string[] = [];
  /** Since when each waits, and since when it is worked on. */
  readonly #dirty = new Map<string, number>();
  readonly #processing = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, { timer: Timer; atMs: number }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #metrics: QueueMetrics | undefined;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 300_000;
    this.#metrics = options.metrics?.(() => {
      const nowMs = this.#clock.monotonicMs();
      return { depth: this.length, workingMs: [...this.#processing.values()].map((sinceMs) => nowMs - sinceMs) };
    });
  }

  get length(): number {
    return this.#ready.length;
  }

  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#metrics?.added();
    this.#dirty.set(key, this.#clock.monotonicMs());
    if (this.#processing.has(key)) return;
    this.#hand(key);
  }

  #hand(key: string): void {
    const taker = this.#takers.shift();
    if (!taker) {
      this.#ready.push(key);
      return;
    }
    this.#start(key);
    taker(key);
  }

  #start(key: string): void {
    const nowMs = this.#clock.monotonicMs();
    this.#metrics?.taken(nowMs - (this.#dirty.get(key) ?? nowMs));
    this.#processing.set(key, nowMs);
    this.#dirty.delete(key);
  }

  /**
   * The next key, as soon as there is one; undefined once the queue is closed. Call `done` when it
   * has been processed.
   */
  take(): Promise<string | undefined> {
    // What is left when the queue closes stays undone: the caches behind it stand still.
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#ready.shift();
    if (key !== undefined) {
      this.#start(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    const nowMs = this.#clock.monotonicMs();
    this.#metrics?.done(nowMs - (this.#processing.get(key) ?? nowMs));
    this.#processing.delete(key);
    if (this.#dirty.has(key)) this.#hand(key);
  }

  /** Adds the key after a while; an earlier time that is already set wins. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.monotonicMs() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting && waiting.atMs <= atMs) return;
    waiting?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { timer, atMs });
  }

  /** Adds a key that failed, later each time. */
  retry(key: string): void {
    this.#metrics?.retried();
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(this.#maxDelayMs, this.#baseDelayMs * 2 ** failures));
  }

  /** The key has succeeded: its next failure starts over. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }
}
