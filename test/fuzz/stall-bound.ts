// How long an event loop under test may stand still. On a starved machine every process is late through nobody's fault:
// what our own loop was late by in the same time, which has next to nothing to do, is granted to the other.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const maxStallSeconds = 0.1;
const resolutionMs = 10;

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
    return this.#maxSeconds + lateSeconds;
  }
}
