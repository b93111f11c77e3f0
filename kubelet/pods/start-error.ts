// A container cannot be started: the reason and message its status shows while it waits for the next try.
export class StartError extends Error {
  readonly reason: string;
  /** When to try again, if not at the usual pace. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}
