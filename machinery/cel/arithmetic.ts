// Arithmetic of 64-bit integers: exact, and an error where the result has more than 64 bits.
import { CelError } from './errors.ts';
import { canonicalInt, Uint } from './values.ts';

export type Int = number | bigint;

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

/** An int of this amount; throws over 64 bits. */
export function intOf(value: bigint): Int {
  if (value < minInt || value > maxInt) throw new CelError('integer overflow');
  return canonicalInt(value);
}

export function uintOf(value: bigint): Uint {
  if (value < 0n || value > maxUint) throw new CelError('unsigned integer overflow');
  return new Uint(value);
}

/** An operator on ints: on numbers while that is exact, else on bigints. */
function operation(small: (a: number, b: number) => number, large: (a: bigint, b: bigint) => bigint) {
  return (a: Int, b: Int): Int => {
    if (typeof a === 'number' && typeof b === 'number') {
      const result = small(a, b);
      // There is no negative zero among ints.
      if (Number.isSafeInteger(result)) return result + 0;
    }
    return intOf(large(BigInt(a), BigInt(b)));
  };
}

const isZero = (value: Int | Uint) => value === 0 || (value instanceof Uint && value.value === 0n);

function nonZero<T extends Int | Uint>(value: T, what: string): T {
  if (isZero(value)) throw new CelError(`${what} by zero`);
  return value;
}

const quotient = operation(
  (a, b) => Math.trunc(a / b),
  (a, b) => a / b,
);
const remainder = operation(
  (a, b) => a % b,
  (a, b) => a % b,
);

export const ints = {
  add: operation(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  subtract: operation(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  multiply: operation(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  divide: (a: Int, b: Int): Int => quotient(a, nonZero(b, 'division')),
  modulo: (a: Int, b: Int): Int => remainder(a, nonZero(b, 'modulus')),
  negate: (a: Int): Int => intOf(-BigInt(a)),
};

export const uints = {
  add: (a: Uint, b: Uint): Uint => uintOf(a.value + b.value),
  subtract: (a: Uint, b: Uint): Uint => uintOf(a.value - b.value),
  multiply: (a: Uint, b: Uint): Uint => uintOf(a.value * b.value),
  divide: (a: Uint, b: Uint): Uint => uintOf(a.value / nonZero(b, 'division').value),
  modulo: (a: Uint, b: Uint): Uint => uintOf(a.value % nonZero(b, 'modulus').value),
};
