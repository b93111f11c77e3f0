// Time that tests own.
import type { Clock, Timer } from '../../machinery/clock.ts';

interface Pending {
  atMs: number;
  seq: number;
  fire: () => void;
}

/** A clock that stands still until `advance` is called; timers fire in order of their time. */
export class FakeClock implements Clock {
  #nowMs: number;
  #setByMs = 0;
  #seq = 0;
  #pending = new Set<Pending>();

  constructor(nowMs = Date.parse('2026-01-01T00:00:00Z')) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs + this.#setByMs;
  }

  /** Sets the time of day, as an administrator or a time server does. */
  set(byMs: number): void {
    this.#setByMs += byMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fn: () => void): Timer {
    const entry: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), seq: this.#seq++, fire: fn };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  every(periodMs: number, fn: () => void): Timer {
    let timer: Timer;
    const arm = () => {
      timer = this.after(periodMs, () => {
        arm();
        fn();
      });
    };
    arm();
    return { cancel: () => timer.cancel() };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }

  /** Milliseconds until the next timer falls due; undefined when there is none. */
  nextInMs(): number | undefined {
    let atMs = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending) atMs = Math.min(atMs, pending.atMs);
    return atMs === Number.POSITIVE_INFINITY ? undefined : atMs - this.#nowMs;
  }

  /** Moves time forward, firing every timer that falls due, and lets promise callbacks run between them. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      await Promise.resolve();
      const due = [...this.#pending].filter((p) => p.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs || a.seq - b.seq);
      const next = due[0];
      if (!next) break;
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = untilMs;
    await Promise.resolve();
  }
}
