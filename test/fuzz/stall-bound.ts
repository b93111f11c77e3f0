// How long an event loop under test may stand still. On a starved machine every process is late through nobody's fault:
// what our own loop was late by in the same time, which has next to nothing to do, is granted to the other.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** A turn of the loop may serve several. */
const maxStallSeconds = 0.15;
const resolutionMs = 10;

/** A parse that needs new memory, as large requests do, takes no longer than this where the bounds were found. */
const usualParseMs = 100;
const maxSlowness = 4;

/**
 * How many times longer such a parse takes here, from 1 to 4: some virtual machines are thirty times slower than others
 * at giving a process new pages, which no loop that rests notices.
 */
export const slowness = (() => {
  const text = JSON.stringify(Array.from({ length: 250_000 }, () => [[1]]));
  const took = Array.from({ length: 3 }, () => {
    const start = performance.now();
    JSON.parse(text);
    return performance.now() - start;
  });
  const median = took.toSorted((a, b) => a - b)[1]!;
  return Math.min(maxSlowness, Math.max(1, median / usualParseMs));
})();

export class StallBound {
  readonly #own = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #maxSeconds: number;

  constructor(maxSeconds = maxStallSeconds) {
    this.#maxSeconds = maxSeconds;
    this.#own.enable();
  }

  /** The bound for the time since the last question, in seconds. */
  take(): number {
    const lateSeconds = Math.max(0, this.#own.max / 1e9 - resolutionMs / 1e3);
    this.#own.reset();
    return this.#maxSeconds * slowness + lateSeconds;
  }
}
