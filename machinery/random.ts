// Randomness for everyone, injectable like the clock.

export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

export const realRandom: Random = { next: () => Math.random() };

/** A seeded generator (mulberry32), for tests that must repeat. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    },
  };
}

// The alphabet of generated names: no vowels and no look-alikes, as in Kubernetes' util/rand.
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

const suffixLength = 5;

/** What makes a generated name unique. */
export function randomSuffix(random: Random): string {
  let out = '';
  for (let i = 0; i < suffixLength; i++) out += nameAlphabet[Math.floor(random.next() * nameAlphabet.length)];
  return out;
}
