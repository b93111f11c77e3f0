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

/** Node takes a longer time for a millisecond. */
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
    const timer = setInterval(fn, Math.min(periodMs, maxTimerMs));
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
