// One thing after the other, at once where nothing has to be waited for: the events of a watch whose objects are
// converted by somebody else, or whose beginning is still being written, stay in their order.
import type { Clock } from '../../machinery/clock.ts';
import { inTurns } from '../turns.ts';

/** So many may wait before the one who is to get them counts as too slow. */
const maxWaiting = 50_000;

interface Waiting<T> {
  work(value: T): void | Promise<void>;
  value: T;
}

export class InOrder {
  readonly #clock: Clock;
  readonly #onError: (err: unknown) => void;
  /** What waits for what is under way; undefined: nothing is. */
  #waiting: Waiting<any>[] | undefined;
  #ended = false;

  /** `onError` is called once; nothing is done after it. */
  constructor(clock: Clock, onError: (err: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Whether nothing will be done any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Does nothing any more. */
  end(): void {
    this.#ended = true;
    if (this.#waiting) this.#waiting = [];
  }

  run<T>(work: (value: T) => void | Promise<void>, value: T): void;
  run(work: () => void | Promise<void>): void;
  run<T>(work: (value: T) => void | Promise<void>, value?: T): void {
    if (this.#ended) return;
    try {
      if (this.#waiting) {
        if (this.#waiting.length >= maxWaiting) throw new Error(`${maxWaiting} events wait to be shown`);
        this.#waiting.push({ work, value: value as T });
        return;
      }
      const done = work(value as T);
      if (done) void this.#goOnAfter(done);
    } catch (err) {
      this.#fail(err);
    }
  }

  async #goOnAfter(first: Promise<void>): Promise<void> {
    this.#waiting = [];
    try {
      await first;
      while (this.#waiting.length > 0) {
        const batch = this.#waiting[Symbol.iterator]();
        this.#waiting = [];
        while (await inTurns(this.#untilSlow(batch), this.#clock));
      }
    } catch (err) {
      this.#fail(err);
    }
    this.#waiting = undefined;
  }

  /** Does one after the other, to one that has to be waited for, which is waited for, or to the end: false. */
  *#untilSlow(batch: Iterator<Waiting<any>>): Generator<void, boolean | Promise<boolean>> {
    for (;;) {
      const next = batch.next();
      if (next.done || this.#ended) return false;
      const done = next.value.work(next.value.value);
      if (done) return done.then(() => true);
      yield;
    }
  }

  #fail(err: unknown): void {
    if (this.#ended) return;
    this.end();
    this.#onError(err);
  }
}
