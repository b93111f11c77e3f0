// One thing after the other, at once where nothing has to be waited for: the events of a watch whose objects are
// converted by somebody else stay in their order.

/** So many may wait before the one who is to get them counts as too slow. */
const maxWaiting = 10_000;

export class InOrder {
  #last: Promise<void> | undefined;
  #waiting = 0;
  #ended = false;
  readonly #onError: (err: unknown) => void;

  /** `onError` is called once; nothing is done after it. */
  constructor(onError: (err: unknown) => void) {
    this.#onError = onError;
  }

  run<T>(work: (value: T) => void | Promise<void>, value: T): void;
  run(work: () => void | Promise<void>): void;
  run<T>(work: (value: T) => void | Promise<void>, value?: T): void {
    if (this.#ended) return;
    try {
      if (this.#waiting >= maxWaiting) throw new Error(`${maxWaiting} events wait to be converted`);
      const done = this.#last ? this.#last.then(() => (this.#ended ? undefined : work(value as T))) : work(value as T);
      if (done) this.#wait(done);
    } catch (err) {
      this.#fail(err);
    }
  }

  #wait(done: Promise<void>): void {
    this.#waiting++;
    const last = done.then(
      () => undefined,
      (err) => this.#fail(err),
    );
    this.#last = last;
    void last.then(() => {
      this.#waiting--;
      if (this.#last === last) this.#last = undefined;
    });
  }

  #fail(err: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onError(err);
  }
}
