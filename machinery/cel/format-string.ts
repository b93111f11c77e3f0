// `'%s of %d'.format([a, b])`. Upstream: cel-go's ext/formatting.go, which writes `%f` and `%e` in American English.
import { CelError } from './errors.ts';
import { formatDouble, toText } from './text.ts';
import { runtimeTypeName } from './types.ts';
import {
  CelList,
  CelMap,
  CelObject,
  Double,
  Duration,
  mapKey,
  Timestamp,
  TypeValue,
  typeOf,
  Uint,
  type Value,
} from './values.ts';
import { workText } from './work.ts';

const maxPrecision = 1000;
const clause = /%(?:%|(?:\.(\d*))?([^%.\d])?)/gu;

export function formatString(template: string, args: CelList): string {
  let next = 0;
  return template.replace(clause, (found, precision: string | undefined, verb: string | undefined) => {
    if (found === '%%') return '%';
    if (verb === undefined) throw new CelError('unexpected end of format string');
    if (precision !== undefined && (precision === '' || Number(precision) > maxPrecision)) {
      throw new CelError(
        precision === ''
          ? 'unable to find end of precision specifier'
          : `precision cannot be larger than ${maxPrecision}`,
      );
    }
    const format = verbs[verb];
    if (format === undefined)
      throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
    if (next >= args.size) throw new CelError(`index ${next} out of range`);
    const text = format(args.at(next++), precision === undefined ? 6 : Number(precision));
    workText(text.length);
    return text;
  });
}

const verbs: Readonly<Record<string, ((value: Value, precision: number) => string) | undefined>> = {
  __proto__: null as never,
  s: (value) => show(value),
  d: decimal,
  f: (value, precision) => fixed(value, precision),
  e: scientific,
  b: binary,
  o: (value) => integer(value, 'octal').toString(8),
  x: hexadecimal,
  X: (value) => hexadecimal(value).toUpperCase(),
};

function refuse(what: string, allowed: string, value: Value): CelError {
  const type = runtimeTypeName(typeOf(value));
  return new CelError(`error during formatting: ${what} can only be used on ${allowed}, was given ${type}`);
}

function integer(value: Value, what: string): bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return BigInt(value);
  if (value instanceof Uint) return value.value;
  throw refuse(`${what} clause`, 'integers', value);
}

function special(value: Double): string | undefined {
  if (Number.isNaN(value.value)) return 'NaN';
  if (Number.isFinite(value.value)) return undefined;
  return value.value > 0 ? 'Infinity' : '-Infinity';
}

function decimal(value: Value): string {
  if (value instanceof Double) {
    const text = special(value);
    if (text !== undefined) return text;
  }
  return integer(value, 'decimal').toString();
}

function binary(value: Value): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return integer(value, 'binary').toString(2);
}

function hexadecimal(value: Value): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint) {
    return integer(value, 'hex').toString(16);
  }
  throw refuse('hex clause', 'integers, byte buffers, and strings', value);
}

function numberOf(value: Value, what: string): number | string {
  if (value instanceof Double) return special(value)?.replace('Infinity', '∞') ?? value.value;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  throw refuse(`${what} clause`, 'doubles', value);
}

function fixed(value: Value, precision: number): string {
  const number = numberOf(value, 'fixed-point');
  if (typeof number === 'string') return number;
  const [whole = '', ...fraction] = roundHalfEven(number, precision).split('.');
  return [whole.replace(/\B(?=(?:\d{3})+$)/g, ','), ...fraction].join('.');
}

/** Go rounds what is exactly half to the even digit; JavaScript away from zero. Above 100 digits there are only zeros. */
function roundHalfEven(number: number, precision: number): string {
  const digits = Math.min(precision, 100);
  let text = number.toFixed(digits);
  if (Math.abs(number) >= 1e21) text = BigInt(number).toString() + (digits === 0 ? '' : `.${'0'.repeat(digits)}`);
  else if (digits < 30) {
    const exact = Math.abs(number).toFixed(Math.min(100, digits + 60));
    const rest = exact.slice(exact.indexOf('.') + 1 + digits);
    const last = exact[exact.indexOf('.') + (digits === 0 ? -1 : digits)]!;
    if (/^50*$/.test(rest) && Number(last) % 2 === 0) {
      const kept = digits === 0 ? exact.slice(0, exact.indexOf('.')) : exact.slice(0, exact.indexOf('.') + 1 + digits);
      text = (number < 0 ? '-' : '') + kept;
    }
  }
  return precision > digits ? text + '0'.repeat(precision - digits) : text;
}

/** `1.500000×10⁻⁰³`, whatever the precision. */
function scientific(value: Value): string {
  const number = numberOf(value, 'scientific');
  if (typeof number === 'string') return number;
  const [mantissa, exponent = ''] = number.toExponential(6).split('e');
  const digits = exponent
    .slice(1)
    .padStart(2, '0')
    .replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!);
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${digits}`;
}

const showPart = (value: Value): string =>
  value instanceof Double && Number.isFinite(value.value) ? roundHalfEven(value.value, 6) : show(value);

/** A value as `%s` shows it. */
function show(value: Value): string {
  if (value instanceof Double) return special(value) ?? formatDouble(value.value);
  if (value instanceof CelList) {
    return `[${Array.from({ length: value.size }, (_, i) => showPart(value.at(i))).join(', ')}]`;
  }
  if (value instanceof CelMap) {
    const entries = [...value.keys()].map((key) => [show(key), showPart(value.get(mapKey(key)!)!)] as const);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, of]) => `${key}: ${of}`).join(', ')}}`;
  }
  const isText = value instanceof Duration || value instanceof Timestamp || value instanceof TypeValue;
  if (isText || value === null || typeof value !== 'object') return toText(value);
  if (value instanceof Uint || value instanceof Uint8Array) return toText(value);
  if (value instanceof CelObject) throw new CelError('error during formatting: no such overload');
  throw refuse(
    'string clause',
    'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
    value,
  );
}
