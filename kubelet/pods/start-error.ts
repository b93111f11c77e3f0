// A container cannot be started: the reason and message its status shows while it waits for the next try.
export class StartError extends Error {
  readonly reason: string;
  /** When to try again, if not at the usual pace. */
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: string,
    message: string,
    { retryAfterMs, ...options }: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}
