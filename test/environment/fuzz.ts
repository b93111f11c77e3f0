// The frame of a fuzz suite: a source of chance with a seed, a time box, and on failure the seed
// and the case that failed.
//   await fuzz(async (draw, i) => { ... }, { describe: () => lastInput })
// K8TS_FUZZ_SEED repeats a run. K8TS_FUZZ_SECONDS says for how long one goes on, from a seed that nobody had before;
// without it the cases are always the same, so that a change fails for what it does and not for what was there.
import { realClock } from '../../machinery/clock.ts';
import { seededRandom } from '../builders/seeded-random.ts';

const defaultSeconds = 40;
/** Seeds are below. */
export const maxSeed = 2 ** 31;

/** Random choices, all from one seed. */
export class Draw {
  readonly #next: () => number;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#next = () => random.next();
  }

  /** A whole number from 0 up to and without `n`. */
  below(n: number): number {
    return Math.floor(this.#next() * n);
  }

  chance(p: number): boolean {
    return this.#next() < p;
  }

  of<T>(all: readonly T[]): T {
    return all[this.below(all.length)]!;
  }

  /** Up to and without `max` of what `make` makes. */
  many<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.below(max) }, make);
  }

  /** Choices of their own for somebody else, who may make more or fewer of them. */
  fork(): Draw {
    return new Draw(this.below(maxSeed));
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** The bytes with some of them changed, lost, doubled or moved. */
  mutate(bytes: Buffer): Buffer {
    let out = bytes;
    for (let i = 1 + this.below(3); i > 0; i--) {
      const [a, b] = [this.below(out.length + 1), this.below(out.length + 1)].sort((x, y) => x - y) as [number, number];
      const [head, middle, tail] = [out.subarray(0, a), out.subarray(a, b), out.subarray(b)];
      const choices = [
        () => [head, tail],
        () => [head, middle, middle, tail],
        () => [head, this.bytes(1 + this.below(8)), out.subarray(a)],
        () => [head, this.bytes(Math.min(4, middle.length)), middle.subarray(4), tail],
        () => [head],
      ];
      out = Buffer.concat(this.of(choices)());
    }
    return out;
  }
}

const isHunt = process.env.K8TS_FUZZ_SECONDS !== undefined;

/** Where a run begins: the same place, or a new one for every hunt. */
export function firstSeed(): number {
  const given = process.env.K8TS_FUZZ_SEED;
  if (given !== undefined) return Number(given);
  return isHunt ? Math.floor(Math.random() * maxSeed) : 1;
}

/** The seconds that a fuzz suite may take. */
export const fuzzSeconds = Number(process.env.K8TS_FUZZ_SECONDS ?? defaultSeconds);

/** Runs `one` again and again until the time (a suite may share it) is over, each time with choices of its own. */
export async function fuzz(
  one: (draw: Draw, index: number) => Promise<void>,
  seconds: number = fuzzSeconds,
): Promise<void> {
  const first = firstSeed();
  const isOne = process.env.K8TS_FUZZ_SEED !== undefined;
  const endMs = realClock.monotonicMs() + seconds * 1000;
  let index = 0;
  // Each case has a seed of its own: one is enough to see it fail again.
  for (; index === 0 || (!isOne && realClock.monotonicMs() < endMs); index++) {
    const seed = (first + index) % maxSeed;
    try {
      await one(new Draw(seed), index);
    } catch (err) {
      throw new Error(`case ${index} failed; again by K8TS_FUZZ_SEED=${seed}`, { cause: err });
    }
  }
  console.log(`${index} cases from seed ${first}`);
}
