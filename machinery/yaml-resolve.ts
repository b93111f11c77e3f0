// What a plain scalar of YAML means, as kubectl's parser (YAML 1.1 by way of Go) takes it: its
// booleans and octals, no dates, no base 60. Upstream: resolve.go of sigs.k8s.io/yaml's goyaml.v2,
// and the step to JSON that follows it.
import { integerOf, TextError } from './json-reader.ts';

const words = new Map<string, unknown>([
  ...['', '~', 'null', 'Null', 'NULL'].map((w) => [w, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((w) => [w, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((w) => [w, false] as const),
  ...['.nan', '.NaN', '.NAN'].map((w) => [w, Number.NaN] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((w) => [w, Number.POSITIVE_INFINITY] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((w) => [w, Number.NEGATIVE_INFINITY] as const),
]);
const decimal = /^[-+]?(?:0|[1-9]\d*)$/;
const radix = /^[-+]?0(?:x[0-9a-f]+|o?[0-7]+|b[01]+)$/i;
const float = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const maxNumberCharacters = 400;
const standard = 'tag:yaml.org,2002:';

/** The value of a plain scalar. */
export function resolvePlain(text: string): unknown {
  if (text.length > maxNumberCharacters) return text;
  const word = words.get(text);
  if (word !== undefined) return word;
  const c = text.charCodeAt(0);
  // Digits, signs and the dot begin numbers.
  if (!((c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x2b || c === 0x2e)) return text;
  const plain = text.replaceAll('_', '');
  if (decimal.test(plain)) return integerOf(plain.replace(/^\+/, ''));
  if (radix.test(plain)) return radixInteger(plain);
  return float.test(plain) ? Number(plain) : text;
}

function radixInteger(text: string): number | bigint {
  const [, sign, digits] = /^([-+]?)0(.*)$/.exec(text)!;
  const isOctal = /^\d/.test(digits!);
  const value = BigInt(`0${isOctal ? 'o' : ''}${digits!.toLowerCase()}`);
  return integerOf(String(sign === '-' ? -value : value));
}

/**
 * The value of a scalar that bears a tag; `plain` ones without quotes. Throws TextError where the
 * text is no such value.
 */
export function resolveTagged(tag: string, text: string, plain: boolean): unknown {
  const resolved = plain ? resolvePlain(text) : text;
  switch (tag) {
    case `${standard}int`:
      if (typeof resolvePlain(text) !== 'number' && typeof resolvePlain(text) !== 'bigint') throw mismatch(tag, text);
      return resolvePlain(text);
    case `${standard}float`:
      if (typeof resolvePlain(text) !== 'number') throw mismatch(tag, text);
      return resolvePlain(text);
    case `${standard}bool`:
      if (typeof resolvePlain(text) !== 'boolean') throw mismatch(tag, text);
      return resolvePlain(text);
    case `${standard}null`:
      if (resolvePlain(text) !== null) throw mismatch(tag, text);
      return null;
    case `${standard}binary`:
      return Buffer.from(text, 'base64').toString();
    case '':
      return resolved;
    default:
      return text;
  }
}

function mismatch(tag: string, text: string): TextError {
  return new TextError(`cannot decode !!str \`${text.slice(0, 40)}\` as a !!${tag.slice(standard.length)}`);
}

/** A key as JSON has it; undefined where JSON has no such key. */
export function jsonKey(key: unknown): string | undefined {
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean') return String(key);
  return undefined;
}
