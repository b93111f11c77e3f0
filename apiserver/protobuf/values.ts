// Single values between JSON and protobuf: scalars, and the types that JSON writes as a text, a
// number or free-form JSON while protobuf has a message for them.
import { setKey, writeJson } from '../../machinery/json.ts';
import { readJson, TextError, TooManyValuesError } from '../../machinery/json-reader.ts';
import type { AnySchema } from '../../machinery/schema.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { ProtobufError, type WireReader, wire } from './wire-reader.ts';
import type { WireWriter } from './wire-writer.ts';

export interface ValueCodec {
  wireType: number;
  /** What stands for a missing value where the type has no room for absence; undefined: nothing is written. */
  zero(): unknown;
  /** Writes the value, with its length where it has one. */
  write(w: WireWriter, value: any): void;
  /** `previous` is what an earlier field of the same number gave: messages are merged. */
  read(r: WireReader, end: number, depth: number, previous?: unknown): unknown;
}

const text: ValueCodec = {
  wireType: wire.bytes,
  zero: () => '',
  write: (w, value: string) => w.text(value),
  read: (r, end) => r.text(end),
};

const base64: ValueCodec = {
  wireType: wire.bytes,
  zero: () => undefined,
  write: (w, value: string) => w.bytes(Buffer.from(value, 'base64')),
  read: (r, end) => r.bytes(end).toString('base64'),
};

const boolean: ValueCodec = {
  wireType: wire.varint,
  zero: () => false,
  write: (w, value: boolean) => w.uint(value ? 1 : 0),
  read: (r, end) => Number(r.int(end)) !== 0,
};

const int64: ValueCodec = {
  wireType: wire.varint,
  zero: () => 0,
  write: (w, value: number | bigint) => w.int(value),
  read: (r, end) => r.int(end),
};

const int32: ValueCodec = { ...int64, read: (r, end) => r.int32(end) };

const double: ValueCodec = {
  wireType: wire.fixed64,
  zero: () => 0,
  write: (w, value: number) => w.double(value),
  read: (r, end) => r.double(end),
};

/** Writes what `body` writes as a message, after its length. */
export function writeMessage(w: WireWriter, body: () => void): void {
  const before = w.written;
  body();
  w.uint(w.written - before);
}

const firstSecond = Date.parse('0001-01-01T00:00:00Z') / 1000;
const lastSecond = Date.parse('9999-12-31T23:59:59Z') / 1000;

/** An empty message is the zero time, which JSON writes as null. Seconds stand under 1, nanoseconds under 2. */
const time = (micro: boolean): ValueCodec => ({
  wireType: wire.bytes,
  zero: () => null,
  write(w, value: string | null) {
    const seconds = value === null ? firstSecond : Math.floor(Date.parse(value) / 1000);
    if (value === null || seconds === firstSecond) return w.uint(0);
    writeMessage(w, () => {
      const micros = micro ? (/\.(\d{1,6})/.exec(value)?.[1] ?? '').padEnd(6, '0') : '0';
      w.int(Number(micros) * 1000);
      w.uint(0x10);
      w.int(seconds);
      w.uint(0x08);
    });
  },
  read(r, end) {
    let seconds: number | bigint = 0;
    let nanos = 0;
    const start = r.at;
    const stop = r.lengthEnd(end);
    r.fields(stop, 'Timestamp', (_, tag) => {
      if (tag === 0x08) seconds = r.int(stop);
      else if (tag === 0x10) nanos = r.int32(stop);
    });
    if (r.at === start + 1) return null;
    return timeText(Number(seconds), micro ? nanos : 0, micro);
  },
});

function timeText(seconds: number, nanos: number, micro: boolean): string {
  if (seconds < firstSecond || seconds > lastSecond)
    throw new ProtobufError(`a time of ${seconds} seconds is not within the years 1 to 9999`);
  const whole = timestamp(seconds * 1000);
  if (!micro) return whole;
  const micros = Math.floor(nanos / 1000);
  if (micros < 0 || micros > 999_999) throw new ProtobufError('a time has too many nanoseconds');
  return `${whole.slice(0, -1)}.${String(micros).padStart(6, '0')}Z`;
}

function writeText(w: WireWriter, value: string): void {
  writeMessage(w, () => {
    w.text(value);
    w.uint(0x0a);
  });
}

/** The text under 1; undefined where there is none. */
function readText(r: WireReader, end: number, name: string): string | undefined {
  let out: string | undefined;
  const stop = r.lengthEnd(end);
  r.fields(stop, name, (_, tag) => {
    if (tag === 0x0a) out = r.text(stop);
  });
  return out;
}

const quantity: ValueCodec = {
  wireType: wire.bytes,
  zero: () => '0',
  write: writeText,
  read: (r, end) => readText(r, end, 'Quantity') ?? '0',
};

/** Which it is stands under 1, the number under 2, the text under 3. */
const intOrString: ValueCodec = {
  wireType: wire.bytes,
  zero: () => 0,
  write(w, value: number | string) {
    const isText = typeof value === 'string';
    writeMessage(w, () => {
      w.text(isText ? value : '');
      w.uint(0x1a);
      w.int(isText ? 0 : value);
      w.uint(0x10);
      w.uint(isText ? 1 : 0);
      w.uint(0x08);
    });
  },
  read(r, end) {
    let isText = false;
    let number = 0;
    let word = '';
    const stop = r.lengthEnd(end);
    r.fields(stop, 'IntOrString', (_, tag) => {
      if (tag === 0x08) isText = Number(r.int(stop)) === 1;
      else if (tag === 0x10) number = r.int32(stop);
      else if (tag === 0x1a) word = r.text(stop);
    });
    return isText ? word : number;
  },
};

/** RawExtension, FieldsV1, JSON: the text of the JSON under 1. */
const freeForm: ValueCodec = {
  wireType: wire.bytes,
  zero: () => null,
  write(w, value: unknown) {
    if (value === null) w.uint(0);
    else writeText(w, writeJson(value));
  },
  read(r, end) {
    const raw = readText(r, end, 'RawExtension');
    return raw ? jsonOf(raw, r.maxValues) : null;
  },
};

function jsonOf(raw: string, maxValues: number): unknown {
  try {
    return readJson(raw, maxValues).value;
  } catch (err) {
    if (!(err instanceof TextError) || err instanceof TooManyValuesError) throw err;
    throw new ProtobufError(`a free-form field does not hold JSON: ${err.message}`, { cause: err });
  }
}

/** Values that need no other type. Undefined for objects, lists and maps. */
export function scalarCodec(schema: AnySchema): ValueCodec | undefined {
  switch (schema.type) {
    case 'boolean':
      return boolean;
    case 'integer':
      return schema.format === 'int32' ? int32 : int64;
    case 'number':
      return double;
    case 'any':
      return freeForm;
    case 'string':
      return textCodec(schema.format);
    default:
      return undefined;
  }
}

function textCodec(format: string | undefined): ValueCodec {
  switch (format) {
    case 'byte':
      return base64;
    case 'date-time':
      return time(false);
    case 'micro-time':
      return time(true);
    case 'quantity':
      return quantity;
    case 'int-or-string':
      return intOrString;
    default:
      return text;
  }
}

/** Key and value of one entry of a map. */
export function readEntry(r: WireReader, end: number, value: ValueCodec, depth: number, into: object): void {
  let key = '';
  let found: unknown;
  const stop = r.lengthEnd(end);
  r.fields(stop, 'MapEntry', (_, tag) => {
    if (tag === 0x0a) key = r.text(stop);
    else if (tag === ((2 << 3) | value.wireType)) found = value.read(r, stop, depth, found);
  });
  setKey(into as Record<string, unknown>, key, found ?? value.zero() ?? null);
}
