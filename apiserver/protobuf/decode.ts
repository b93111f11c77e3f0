// Reads `application/vnd.kubernetes.protobuf` bodies into the same plain value that JSON gives, so
// that everything after is shared. Field numbers come from a table, types from the schemas.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
import { badRequestError } from '../../machinery/errors.ts';
import { setKey } from '../../machinery/json.ts';
import { readJson, TextError, TooManyValuesError } from '../../machinery/json-reader.ts';
import type { AnySchema, ObjectSchema } from '../../machinery/schema.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { fieldNumbers } from './field-numbers.gen.ts';

const magic = Buffer.from('k8s\0');

interface WireField {
  number: number;
  /** The number of a varint, the bytes of everything else. */
  value: bigint | Buffer;
}

/** How many fields a body may still hold, in all its messages. */
interface Budget {
  maxValues: number;
  fieldsLeft: number;
}

/** Of protobuf a value may take more than one field: an entry of a map is a message with two. */
const fieldsPerValue = 3;
const budgetOf = (maxValues: number): Budget => ({ maxValues, fieldsLeft: maxValues * fieldsPerValue });

function* readFields(bytes: Buffer, budget: Budget): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let result = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw badRequestError('protobuf: unexpected end of a number');
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
  };
  /** A tag or length: what does not fit into a double is beyond the end of any message. */
  const size = (): number => {
    let result = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || factor > 2 ** 63) throw badRequestError('protobuf: unexpected end of a number');
      result += (byte & 0x7f) * factor;
      if (byte < 0x80) return result;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw badRequestError('protobuf: unexpected end of the message');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    if (--budget.fieldsLeft < 0) throw new TooManyValuesError(budget.maxValues);
    const tag = size();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) yield { number, value: varint() };
    else if (wireType === 2) yield { number, value: take(size()) };
    else if (wireType === 1) yield { number, value: take(8) };
    else if (wireType === 5) yield { number, value: take(4) };
    else throw badRequestError(`protobuf: wire type ${wireType} is not used by this API`);
  }
}

const bytesOf = (value: bigint | Buffer): Buffer => {
  if (typeof value === 'bigint') throw badRequestError('protobuf: a number where bytes are expected');
  return value;
};

/** An int64; one that a double cannot hold stays a bigint. */
const exactIntOf = (value: bigint | Buffer): number | bigint => {
  if (typeof value !== 'bigint') throw badRequestError('protobuf: bytes where a number is expected');
  const exact = BigInt.asIntN(64, value);
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
};

const intOf = (value: bigint | Buffer): number => Number(exactIntOf(value));

/** Fields of a small message, the last of each number. */
function fieldsOf(bytes: Buffer, budget: Budget): Map<number, bigint | Buffer> {
  const out = new Map<number, bigint | Buffer>();
  for (const { number, value } of readFields(bytes, budget)) out.set(number, value);
  return out;
}

/** The envelope: what kind the body is of, and its bytes. */
export function readEnvelope(body: Buffer, maxValues: number): { apiVersion: string; kind: string; raw: Buffer } {
  if (!body.subarray(0, 4).equals(magic)) {
    throw badRequestError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const budget = budgetOf(maxValues);
  const envelope = fieldsOf(body.subarray(4), budget);
  const type = fieldsOf(bytesOf(envelope.get(1) ?? Buffer.alloc(0)), budget);
  const text = (number: number) => bytesOf(type.get(number) ?? Buffer.alloc(0)).toString();
  return { apiVersion: text(1), kind: text(2), raw: bytesOf(envelope.get(2) ?? Buffer.alloc(0)) };
}

/** Where a field number leads: to a field, or to the numbers of an inlined message. */
type NumberTable = Map<number, string | NumberTable>;

const tables = new Map<string, NumberTable>();

function tableOf(name: string): NumberTable {
  let table = tables.get(name);
  if (!table) {
    const text = fieldNumbers[name];
    if (text === undefined) throw badRequestError(`protobuf: ${name} is not known in this encoding; send JSON`);
    table = parseTable(text.split(' '));
    tables.set(name, table);
  }
  return table;
}

/** Consumes tokens up to the closing brace. */
function parseTable(tokens: string[]): NumberTable {
  const table: NumberTable = new Map();
  for (let token = tokens.shift(); token !== undefined && token !== '}'; token = tokens.shift()) {
    if (token.endsWith('{')) table.set(Number(token.slice(0, -1)), parseTable(tokens));
    else table.set(Number(token.slice(0, token.indexOf('='))), token.slice(token.indexOf('=') + 1));
  }
  return table;
}

/**
 * Decodes a message of `schema` into a plain value. Fields without a number in the table are left
 * out, as older servers do. Throws StatusError, and TooManyValuesError for more than `maxValues`.
 */
export function decodeMessage(schema: ObjectSchema, bytes: Buffer, maxValues: number): Record<string, unknown> {
  return decodeWithin(schema, bytes, budgetOf(maxValues));
}

function decodeWithin(schema: ObjectSchema, bytes: Buffer, budget: Budget): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  readInto({ out, schema, budget }, tableOf(schema.name), bytes);
  return out;
}

interface Message {
  out: Record<string, unknown>;
  schema: ObjectSchema;
  budget: Budget;
}

function readInto(message: Message, table: NumberTable, bytes: Buffer): void {
  const { out, schema, budget } = message;
  for (const { number, value } of readFields(bytes, budget)) {
    const target = table.get(number);
    if (target instanceof Map) {
      readInto(message, target, bytesOf(value));
      continue;
    }
    const field = target === undefined ? undefined : schema.fields[target];
    if (target === undefined || !field) continue;
    if (field.type === 'list') {
      out[target] ??= [];
      (out[target] as unknown[]).push(decodeValue(field.items, value, budget));
    } else if (field.type === 'map') {
      const entry = fieldsOf(bytesOf(value), budget);
      const key = bytesOf(entry.get(1) ?? Buffer.alloc(0)).toString();
      out[target] ??= {};
      setKey(out[target] as Record<string, unknown>, key, decodeMapValue(field.values, entry.get(2), budget));
    } else {
      out[target] = decodeValue(field, value, budget);
    }
  }
}

function decodeMapValue(schema: AnySchema, value: bigint | Buffer | undefined, budget: Budget): unknown {
  if (schema.type !== 'list') return decodeValue(schema, value ?? Buffer.alloc(0), budget);
  // A list as a map's value is a message of its own with the items under 1.
  const items = readFields(bytesOf(value ?? Buffer.alloc(0)), budget);
  return Array.from(items, (f) => decodeValue(schema.items, f.value, budget));
}

function decodeValue(schema: AnySchema, value: bigint | Buffer, budget: Budget): unknown {
  switch (schema.type) {
    case 'object':
      return decodeWithin(schema, bytesOf(value), budget);
    case 'boolean':
      return intOf(value) !== 0;
    case 'integer':
      return exactIntOf(value);
    case 'number':
      return doubleOf(bytesOf(value));
    case 'string':
      return decodeText(schema.format, bytesOf(value), budget);
    case 'any':
      return decodeFree(bytesOf(value), budget);
    default:
      throw badRequestError('protobuf: a list of lists is not used by this API');
  }
}

function doubleOf(bytes: Buffer): number {
  if (bytes.length !== 8) throw badRequestError('protobuf: a number of 64 bits is expected');
  return bytes.readDoubleLE();
}

function decodeText(format: string | undefined, bytes: Buffer, budget: Budget): unknown {
  if (format === 'byte') return bytes.toString('base64');
  if (format === 'quantity') return bytesOf(fieldsOf(bytes, budget).get(1) ?? Buffer.from('0')).toString();
  if (format === 'date-time' || format === 'micro-time') return decodeTime(bytes, format === 'micro-time', budget);
  if (format === 'int-or-string') {
    const fields = fieldsOf(bytes, budget);
    return intOf(fields.get(1) ?? 0n) === 1
      ? bytesOf(fields.get(3) ?? Buffer.alloc(0)).toString()
      : intOf(fields.get(2) ?? 0n);
  }
  return bytes.toString();
}

const firstSecond = Date.parse('0001-01-01T00:00:00Z') / 1000;
const lastSecond = Date.parse('9999-12-31T23:59:59Z') / 1000;

/** An empty message is the zero time, which JSON writes as null. */
function decodeTime(bytes: Buffer, micro: boolean, budget: Budget): string | null {
  if (bytes.length === 0) return null;
  const fields = fieldsOf(bytes, budget);
  const seconds = intOf(fields.get(1) ?? 0n);
  if (seconds < firstSecond || seconds > lastSecond)
    throw badRequestError(`protobuf: a time of ${seconds} seconds is not within the years 1 to 9999`);
  const text = timestamp(seconds * 1000);
  if (!micro) return text;
  const micros = Math.floor(intOf(fields.get(2) ?? 0n) / 1000);
  if (micros < 0 || micros > 999_999) throw badRequestError('protobuf: a time has too many nanoseconds');
  return `${text.slice(0, -1)}.${String(micros).padStart(6, '0')}Z`;
}

/** RawExtension and FieldsV1: JSON bytes under 1. */
function decodeFree(bytes: Buffer, budget: Budget): unknown {
  const raw = bytesOf(fieldsOf(bytes, budget).get(1) ?? Buffer.alloc(0));
  if (raw.length === 0) return null;
  try {
    return readJson(raw.toString(), budget.maxValues).value;
  } catch (err) {
    if (!(err instanceof TextError) || err instanceof TooManyValuesError) throw err;
    throw badRequestError('protobuf: a free-form field does not hold JSON', err);
  }
}
