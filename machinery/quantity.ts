// Resource quantities: decimal numbers with an SI, binary or exponent suffix, exact to the nano, as BigInt underneath.
// The canonical form keeps the family of suffixes that was written: 1024Mi becomes 1Gi, 0.5 becomes 500m, 2e9 stays.
// Upstream: apimachinery's resource.Quantity, with its rounding (up, to a nano) and its cap (2^63-1, of binary suffixes).

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  /** The amount in billionths. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const nanosPerUnit = 1_000_000_000n;
const maxNanos = (2n ** 63n - 1n) * nanosPerUnit;

const decimalExponents: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binaryExponents: Record<string, number> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const quantityPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])?)$/;
// Of powers of ten, and the digits of decimal numbers: what is larger is capped, what is smaller rounded up to one nano.
const exponentLimit = 64;
const maxDecimalNanos = 10n ** BigInt(exponentLimit) * nanosPerUnit;

/** Digits beyond decide nothing: so large a number is capped, so fine a fraction rounded up. */
const digitLimit = 200;

/** Reads a quantity; undefined if the text is none. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = quantityPattern.exec(text.trim());
  // No digits are zero, but nothing is no quantity.
  if (!match?.[0]) return undefined;
  const [, sign, whole = '', written = '', exponentPart, suffix = ''] = match;
  const fraction = written.slice(0, digitLimit) + (/[1-9]/.test(written.slice(digitLimit)) ? '1' : '');
  const digits = BigInt(whole.replace(/^0+/, '').slice(0, digitLimit) + fraction);
  let format: QuantityFormat = 'DecimalSI';
  let power = 9 - fraction.length;
  let factor = 1n;
  if (exponentPart) {
    format = 'DecimalExponent';
    power += Math.max(-exponentLimit, Math.min(exponentLimit, Number(exponentPart.slice(1))));
  } else if (suffix in binaryExponents) {
    format = 'BinarySI';
    factor = 2n ** BigInt(binaryExponents[suffix]!);
  } else {
    power += decimalExponents[suffix]!;
  }
  let nanos = power >= 0 ? digits * factor * 10n ** BigInt(power) : divideUp(digits * factor, 10n ** BigInt(-power));
  const most = format === 'BinarySI' ? maxNanos : maxDecimalNanos;
  if (nanos > most) nanos = most;
  return { nanos: sign === '-' ? -nanos : nanos, format };
}

/** The canonical text: no fraction, the largest suffix that keeps the number whole. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const units = nanos / nanosPerUnit;
  const isWhole = nanos % nanosPerUnit === 0n;
  if (format === 'BinarySI' && isWhole && (units >= 1024n || units <= -1024n)) return formatBinary(units);
  let mantissa = nanos;
  let exponent = -9;
  while (mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  const suffix = exponent === 0 || format !== 'DecimalExponent' ? decimalSuffixes.get(exponent) : undefined;
  return `${mantissa}${suffix ?? `e${exponent}`}`;
}

function formatBinary(units: bigint): string {
  let step = 0;
  let mantissa = units;
  while (step < binarySuffixes.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    step++;
  }
  return `${mantissa}${binarySuffixes[step]}`;
}

function divideUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

/** The canonical form of a text; undefined if it is no quantity. */
export function canonicalQuantity(text: string): string | undefined {
  const quantity = parseQuantity(text);
  return quantity && formatQuantity(quantity);
}

const quantityForm = /^[+-]?\d*(?:\.\d*)?(?:[eEinumkKMGTP]+[-+]?\d*|[-+]\d*)?$/;

/** Why a text is no quantity. */
export const quantityProblem = (text: string): string =>
  text.trim() !== '' && quantityForm.test(text.trim())
    ? "unable to parse quantity's suffix"
    : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** A canonical quantity as lists of resources hold it: in thousandths, rounded away from zero. Upstream: SetDefaults_ResourceList. */
export function roundUpToMilli(text: string): string {
  if (!/(?:[nu]|e-[69])$/.test(text)) return text;
  const { nanos, format } = parseQuantity(text)!;
  return formatQuantity({ nanos: roundAway(nanos, 1_000_000n) * 1_000_000n, format });
}

/** For texts that decoding has already checked; absent counts as zero. */
function nanosOf(text: string | undefined): bigint {
  if (text === undefined) return 0n;
  const quantity = parseQuantity(text);
  if (!quantity) throw new Error(`not a quantity: ${JSON.stringify(text)}`);
  return quantity.nanos;
}

/** Negative, zero or positive, as for sorting. */
export function compareQuantities(a: string | undefined, b: string | undefined): number {
  const difference = nanosOf(a) - nanosOf(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sum, in the suffix family of the first that is not zero. */
export function addQuantities(a: string | undefined, b: string | undefined): string {
  const nanos = nanosOf(a) + nanosOf(b);
  const leading = nanosOf(a) === 0n ? b : a;
  return formatQuantity({ nanos, format: (leading && parseQuantity(leading)?.format) || 'DecimalSI' });
}

/** The difference, in the suffix family of the first that is not zero. */
export function subtractQuantities(a: string | undefined, b: string | undefined): string {
  const leading = nanosOf(a) === 0n ? b : a;
  const format = (leading && parseQuantity(leading)?.format) || 'DecimalSI';
  return formatQuantity({ nanos: nanosOf(a) - nanosOf(b), format });
}

/** Whole units, rounded up, at most 2^63-1: bytes of a memory quantity, say. */
export function quantityValue(text: string | undefined): number {
  return Number(roundAway(boundedNanos(text), nanosPerUnit));
}

/** The same, exactly, as a 64-bit integer is written. */
export function quantityInteger(text: string | undefined): string {
  return String(roundAway(boundedNanos(text), nanosPerUnit));
}

/** Thousandths, rounded up: milli-CPUs of a cpu quantity. */
export function quantityMilliValue(text: string | undefined): number {
  return Number(roundAway(boundedNanos(text), 1_000_000n));
}

function boundedNanos(text: string | undefined): bigint {
  const nanos = nanosOf(text);
  return nanos > maxNanos ? maxNanos : nanos < -maxNanos ? -maxNanos : nanos;
}

function roundAway(nanos: bigint, unit: bigint): bigint {
  return nanos < 0n ? -divideUp(-nanos, unit) : divideUp(nanos, unit);
}

export const isZeroQuantity = (text: string | undefined) => nanosOf(text) === 0n;
export const isNegativeQuantity = (text: string | undefined) => nanosOf(text) < 0n;
/** Whether it is a whole number of units. */
export const isWholeQuantity = (text: string | undefined) => nanosOf(text) % nanosPerUnit === 0n;
