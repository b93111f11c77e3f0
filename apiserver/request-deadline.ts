// How long a request may take: a minute, or less where its `timeout` says so; what stays as long as
// its client wishes has no limit. Upstream: the request-deadline filter of apiserver.
import type { Clock } from '../machinery/clock.ts';
import { DurationError, parseGoDuration } from '../machinery/duration.ts';
import { badRequestError, StatusError } from '../machinery/errors.ts';
import { isLongRunning } from './in-flight.ts';
import type { RequestInfo } from './request-info.ts';

export const maxRequestMs = 60_000;

/** Undefined: no limit. Throws 400 for a `timeout` that is no duration. */
export function deadlineOf(info: RequestInfo): number | undefined {
  if (isLongRunning(info)) return undefined;
  const asked = info.query.get('timeout') ?? '';
  if (asked === '') return maxRequestMs;
  try {
    const ms = parseGoDuration(asked);
    return ms > 0 ? Math.min(ms, maxRequestMs) : maxRequestMs;
  } catch (err) {
    if (!(err instanceof DurationError)) throw err;
    throw badRequestError(`invalid timeout specified in the request URL - ${err.message}`, err);
  }
}

/** The result of `work`, or 504 when it takes longer. */
export function within<T>(clock: Clock, deadlineMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(deadlineMs, () => {
      const why = 'request did not complete within requested timeout - context deadline exceeded';
      reject(new StatusError(504, 'Timeout', `Timeout: ${why}`, { details: {} }));
    });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
