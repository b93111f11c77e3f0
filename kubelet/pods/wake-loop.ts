// Runs one piece of work whenever it is woken, never twice at a time: a wake-up during a run means
// another right after it. What fails is tried again, later each time. Nothing is queued, as every
// run looks at all there is.
import type { Clock, Timer } from '../../machinery/clock.ts';

const firstDelayMs = 500;
const maxDelayMs = 30_000;

export interface WakeLoopOptions {
  clock: Clock;
  run(): Promise<void>;
  /** Told of each failure and of the time until the next try. */
  onFailure(err: unknown, delayMs: number): void;
}

export class WakeLoop {
  readonly #options: WakeLoopOptions;
  #isWanted = false;
  #isStopped = false;
  #running: Promise<void> | undefined;
  #timer: { timer: Timer; atMs: number } | undefined;
  #failures = 0;

  constructor(options: WakeLoopOptions) {
    this.#options = options;
  }

  /** Runs now, or right after the run that is under way. */
  wake(): void {
    if (this.#isStopped) return;
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isWanted) this.wake();
    });
  }

  /** Runs after so long, unless an earlier time is set already. */
  wakeAfter(delayMs: number): void {
    const { clock } = this.#options;
    const atMs = clock.monotonicMs() + delayMs;
    if (this.#isStopped || (this.#timer && this.#timer.atMs <= atMs)) return;
    this.#timer?.timer.cancel();
    const timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      this.wake();
    });
    this.#timer = { timer, atMs };
  }

  /** Ends the loop; a run that is under way comes to its end. */
  stop(): void {
    this.#isStopped = true;
    this.#isWanted = false;
    this.#timer?.timer.cancel();
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await this.#options.run();
        this.#failures = 0;
      } catch (err) {
        const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** this.#failures++);
        this.#options.onFailure(err, delayMs);
        this.wakeAfter(delayMs);
      }
    }
  }
}
