// What has to succeed at some time, and nobody else would begin again.
import type { Clock } from '../machinery/clock.ts';

interface Patience {
  clock: Clock;
  signal: AbortSignal;
  delayMs: number;
  /** Up to which the delay grows; it stays as it is where this is left out. */
  maxDelayMs?: number;
  onFailure(err: unknown, delayMs: number): void;
}

/** Tries until it is done. Rejects when the signal is aborted, and only then. */
export async function keepTrying<T>(
  work: () => Promise<T>,
  { clock, signal, delayMs, maxDelayMs = delayMs, onFailure }: Patience,
): Promise<T> {
  for (let waitMs = delayMs; ; waitMs = Math.min(2 * waitMs, maxDelayMs)) {
    try {
      return await work();
    } catch (err) {
      signal.throwIfAborted();
      onFailure(err, waitMs);
      await clock.sleep(waitMs, signal);
    }
  }
}
