// Randomness for everyone, injectable like the clock.

export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

export const realRandom: Random = { next: () => Math.random() };

// The alphabet of generated names: no vowels and no look-alikes, as in Kubernetes' util/rand.
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

const suffixLength = 5;

/** What makes a generated name unique. */
export function randomSuffix(random: Random): string {
  let out = '';
  for (let i = 0; i < suffixLength; i++) out += nameAlphabet[Math.floor(random.next() * nameAlphabet.length)];
  return out;
}
