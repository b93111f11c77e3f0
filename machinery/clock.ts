// Time for everyone. Components take a Clock so that tests own the time.
// This file and random.ts are the only places that may touch Date.now, timers and Math.random.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back; only differences mean something. */
  monotonicMs(): number;
  /** Runs `fn` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer;
  /** Runs `fn` every `periodMs` until cancelled. The timer does not keep the process alive. */
  every(periodMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`, or rejects with the signal's reason. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

const maxTimerMs = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(0, delayMs), maxTimerMs));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, fn) {
    const timer = setInterval(fn, periodMs);
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(Math.max(0, delayMs), maxTimerMs),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

/** In so many turns a wait for an answer is taken. */
const turns = 5;

/**
 * Runs `fn` once after `delayMs` in which the event loop could hear an answer: on a slow machine one turn may take longer
 * than any answer, which then lies there and is not late.
 */
export function afterListening(clock: Clock, delayMs: number, fn: () => void): Timer {
  let left = turns;
  const look = () => {
    if (--left === 0) fn();
    else timer = clock.after(delayMs / turns, look);
  };
  let timer = clock.after(delayMs / turns, look);
  return { cancel: () => timer.cancel() };
}

interface Pending {
  atMs: number;
  seq: number;
  fire: () => void;
}

/** A clock that stands still until `advance` is called; timers fire in order of their time. */
export class FakeClock implements Clock {
  #nowMs: number;
  #seq = 0;
  #pending = new Set<Pending>();

  constructor(nowMs = Date.parse('2026-01-01T00:00:00Z')) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
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
