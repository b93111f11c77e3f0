// `int(x)`, `string(x)` and the other conversions of the language definition.
import { intOf, uintOf } from '../arithmetic.ts';
import { type Library, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { toText } from '../text.ts';
import { formatDuration, nanosPerSecond, parseDuration, parseTimestamp, secondsOf, timestampOf } from '../time.ts';
import { Double, type Timestamp, TypeValue, typeOf, type Uint, type Value } from '../values.ts';
import { workText } from '../work.ts';

const same = (value: Value) => value;

function required<T>(value: T | undefined, from: string, to: string): T {
  if (value === undefined) throw new CelError(`type conversion error from '${from}' to '${to}'`);
  return value;
}

function integer(text: string): bigint | undefined {
  return /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace('+', '')) : undefined;
}

/** Towards zero; throws outside of the range, and for what is no number. */
function truncated(value: number, low: number, high: number, error: string): bigint {
  if (!(value > low && value < high)) throw new CelError(error);
  return BigInt(Math.trunc(value));
}

const two63 = 2 ** 63;
const two64 = 2 ** 64;

function stringToInt(text: string): Value {
  const value = required(integer(text), 'string', 'int');
  return required(value < -(2n ** 63n) || value >= 2n ** 63n ? undefined : intOf(value), 'string', 'int');
}

function stringToUint(text: string): Value {
  const value = /^\d{1,30}$/.test(text) ? BigInt(text) : undefined;
  return uintOf(required(value === undefined || value >= 2n ** 64n ? undefined : value, 'string', 'uint'));
}

function stringToDouble(text: string): Value {
  workText(text.length);
  const special = /^([+-]?)(?:inf|infinity|nan)$/i.exec(text);
  if (special !== null) {
    const sign = special[1] === '-' ? -1 : 1;
    return new Double(/nan$/i.test(text) ? Number.NaN : sign * Number.POSITIVE_INFINITY);
  }
  const isNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);
  return new Double(required(isNumber ? Number(text) : undefined, 'string', 'double'));
}

const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falsehoods = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function stringToBool(text: string): Value {
  if (truths.has(text)) return true;
  return required(falsehoods.has(text) ? false : undefined, 'string', 'bool');
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function bytesToString(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

const conversions = [
  overload('int', 'int64_to_int64', 'int -> int', same),
  overload('int', 'uint64_to_int64', 'uint -> int', (value: Uint) => intOf(value.value)),
  overload('int', 'double_to_int64', 'double -> int', (d: Double) =>
    intOf(truncated(d.value, -two63, two63, 'integer overflow')),
  ),
  overload('int', 'string_to_int64', 'string -> int', stringToInt),
  overload('int', 'timestamp_to_int64', 'timestamp -> int', (value: Timestamp) => intOf(secondsOf(value))),
  overload('uint', 'uint64_to_uint64', 'uint -> uint', same),
  overload('uint', 'int64_to_uint64', 'int -> uint', (value: number | bigint) => uintOf(BigInt(value))),
  overload('uint', 'double_to_uint64', 'double -> uint', (d: Double) =>
    uintOf(truncated(d.value, -1, two64, 'unsigned integer overflow')),
  ),
  overload('uint', 'string_to_uint64', 'string -> uint', stringToUint),
  overload('double', 'double_to_double', 'double -> double', same),
  overload('double', 'int64_to_double', 'int -> double', (value: number | bigint) => new Double(Number(value))),
  overload('double', 'uint64_to_double', 'uint -> double', (value: Uint) => new Double(Number(value.value))),
  overload('double', 'string_to_double', 'string -> double', stringToDouble),
  overload('bool', 'bool_to_bool', 'bool -> bool', same),
  overload('bool', 'string_to_bool', 'string -> bool', stringToBool),
  overload('string', 'string_to_string', 'string -> string', same),
  overload('string', 'bool_to_string', 'bool -> string', toText),
  overload('string', 'int64_to_string', 'int -> string', toText),
  overload('string', 'uint64_to_string', 'uint -> string', toText),
  overload('string', 'double_to_string', 'double -> string', toText),
  overload('string', 'bytes_to_string', 'bytes -> string', bytesToString),
  overload('string', 'timestamp_to_string', 'timestamp -> string', toText),
  overload('string', 'duration_to_string', 'duration -> string', formatDuration),
  overload('bytes', 'bytes_to_bytes', 'bytes -> bytes', same),
  overload('bytes', 'string_to_bytes', 'string -> bytes', (text: string) => new TextEncoder().encode(text)),
  overload('timestamp', 'timestamp_to_timestamp', 'timestamp -> timestamp', same),
  overload('timestamp', 'string_to_timestamp', 'string -> timestamp', (text: string) =>
    required(parseTimestamp(text), 'string', 'google.protobuf.Timestamp'),
  ),
  overload('timestamp', 'int64_to_timestamp', 'int -> timestamp', (value: number | bigint) =>
    timestampOf(BigInt(value) * nanosPerSecond),
  ),
  overload('duration', 'duration_to_duration', 'duration -> duration', same),
  overload('duration', 'string_to_duration', 'string -> duration', (text: string) =>
    required(parseDuration(text), 'string', 'google.protobuf.Duration'),
  ),
  overload('dyn', 'to_dyn', 'A -> dyn', same),
  overload('type', 'type', 'A -> typeOf(A)', (value: Value) => new TypeValue(typeOf(value))),
];

export const conversionLibrary: Library = { functions: conversions };
