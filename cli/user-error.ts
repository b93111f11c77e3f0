// A failure the user can act on: what went wrong in one line, and what to do next. Everything else that escapes a
// command is a bug and is printed with its stack.

export class UserError extends Error {
  /** What the user can do about it, in full sentences or commands. */
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint;
  }
}

/** The errno code (`ENOENT`, ...) of a failed system call, at any depth of the cause chain. */
export function errnoOf(err: unknown): string | undefined {
  for (let at: unknown = err; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}
