// The last two looks at something that is measured, taken when somebody asks and not oftener than every 10 seconds. Who is
// the first in a while waits for a second look: a rate needs two.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../machinery/clock.ts';

export interface Point<T> {
  atMs: number;
  value: T;
}

export interface Pair<T> {
  before: Point<T>;
  last: Point<T>;
}

/** Less than the 15 seconds of autoscalers: each time they ask they see something new. */
const resolutionMs = 10_000;
/** A rate over longer would tell of what was, not of what is. */
const maxWindowMs = 60_000;
const firstWindowMs = 1_000;
/** Figures, of all that is looked at. */
const maxKept = 100_000;

interface Known<T> extends Partial<Pair<T>> {
  /** Why the last look failed. */
  failure?: Point<unknown>;
}

export class Points<T extends object> {
  readonly #clock: Clock;
  readonly #look: (key: string) => Promise<T>;
  // What nobody has asked about for long makes room.
  readonly #known: LRUCache<string, Known<T>>;
  readonly #looking = new Map<string, Promise<Pair<T>>>();

  /** `sizeOf` counts the figures of one look. */
  constructor(clock: Clock, look: (key: string) => Promise<T>, sizeOf: (value: T) => number) {
    this.#clock = clock;
    this.#look = look;
    const sizeCalculation = ({ before, last }: Known<T>) =>
      1 + [before, last].reduce((sum, point) => sum + (point ? sizeOf(point.value) : 0), 0);
    this.#known = new LRUCache({ maxSize: maxKept, sizeCalculation });
  }

  /** Two looks at one thing, the later not older than the resolution. Rejects as the look does, or has done just now. */
  read(key: string): Promise<Pair<T>> {
    const { before, last, failure } = this.#known.get(key) ?? {};
    const isFresh = (point: Point<unknown>) => this.#clock.now() - point.atMs < resolutionMs;
    if (failure && isFresh(failure)) return Promise.reject(failure.value);
    if (before && last && isFresh(last)) return Promise.resolve({ before, last });
    return this.#looking.getOrInsertComputed(key, () =>
      this.#lookAgain(key, last).finally(() => this.#looking.delete(key)),
    );
  }

  async #lookAgain(key: string, known: Point<T> | undefined): Promise<Pair<T>> {
    const isRecent = known && this.#clock.now() - known.atMs < maxWindowMs;
    const before = isRecent ? known : await this.#point(key);
    const leftMs = before.atMs + firstWindowMs - this.#clock.now();
    if (leftMs > 0) await this.#clock.sleep(leftMs);
    const pair = { before, last: await this.#point(key) };
    this.#known.set(key, pair);
    return pair;
  }

  async #point(key: string): Promise<Point<T>> {
    try {
      const value = await this.#look(key);
      return { atMs: this.#clock.now(), value };
    } catch (err) {
      const { before, last } = this.#known.get(key) ?? {};
      const failure = { atMs: this.#clock.now(), value: err };
      this.#known.set(key, { ...(before ? { before } : {}), ...(last ? { last } : {}), failure });
      throw err;
    }
  }
}
