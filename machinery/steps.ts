// Work that is done step by step, so that others may have their turn in between.

export type Steps<T> = Generator<void, T>;

/** Does all of it at once. */
export function finish<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
