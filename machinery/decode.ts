// Turns parsed JSON into a canonical object of a schema: checks types, drops unknown fields (and
// reports them), drops zero values where the type has no room for them, fills in what is always
// there, applies the schema's defaults, and brings quantities and times into canonical form. One
// walk does it all. Upstream: the JSON decoder, field pruning and structural defaulting.
import { cloneJson, isObject, setKey } from './json.ts';
import { formatFieldPath, maxComplaints, TooManyValuesError } from './json-reader.ts';
import { canonicalQuantity, quantityProblem, roundUpToMilli } from './quantity.ts';
import type {
  AnySchema,
  FreeSchema,
  ListSchema,
  MapSchema,
  NumberSchema,
  ObjectSchema,
  StringSchema,
} from './schema.ts';

/** The value cannot be of this type. The message names the field. */
export class DecodeError extends Error {}

export interface Decoded {
  value: any;
  /** Paths of fields that the schema does not have, in document order; no more than are worth telling. */
  unknownFields: string[];
}

interface Walk {
  root: AnySchema;
  path: (string | number)[];
  unknownFields: string[];
  defaults: boolean;
  /** Fields that were filled in. */
  filled: number;
  literals: DecodeOptions['literals'];
}

/** A few bytes of a list can become objects with many fields: far more than the largest object that is of use has. */
const maxFilled = 200_000;

interface DecodeOptions {
  /** Apply the schema's defaults (true unless told otherwise). */
  defaults?: boolean;
  /** Numbers as they are written, by their paths, where that is another way than ours: no integer is `1.0`. */
  literals?: ReadonlyMap<string, string> | undefined;
}

/** Decodes `value` by `schema`. The result shares nothing with the input. Throws DecodeError, and TooManyValuesError. */
export function decodeValue(schema: AnySchema, value: unknown, options: DecodeOptions = {}): Decoded {
  const { defaults = true, literals } = options;
  const walk: Walk = { root: schema, path: [], unknownFields: [], defaults, filled: 0, literals };
  return { value: decode(schema, value, walk), unknownFields: walk.unknownFields };
}

function decode(schema: AnySchema, value: unknown, walk: Walk): unknown {
  if (schema.lenient && !hasType(schema, value)) return cloneJson(value);
  switch (schema.type) {
    case 'object':
      return decodeObject(schema, value, walk);
    case 'list':
      return decodeList(schema, value, walk);
    case 'map':
      return decodeMap(schema, value, walk);
    case 'string':
      return decodeString(schema, value, walk);
    case 'integer':
    case 'number':
      return decodeNumber(schema, value, walk);
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(value, 'bool', walk);
      return value;
    case 'any':
      return schema.alternatives?.length ? decodeAlternative(schema, value, walk) : cloneJson(value);
  }
}

function hasType(schema: AnySchema, value: unknown): boolean {
  switch (schema.type) {
    case 'object':
    case 'map':
      return isObject(value);
    case 'list':
      return Array.isArray(value);
    case 'any':
      return true;
    default:
      // Scalars of lenient schemas have no form to be brought into.
      return false;
  }
}

/** By the first shape of the value's JSON type. */
function decodeAlternative(schema: FreeSchema, value: unknown, walk: Walk): unknown {
  const fits = schema.alternatives?.find(({ type }) => {
    if (type === 'list') return Array.isArray(value);
    return type === 'object' || type === 'map' ? isObject(value) : typeof value === type;
  });
  if (!fits) throw mismatch(value, goTypeOf(schema), walk);
  return decode(fits, value, walk);
}

function decodeObject(schema: ObjectSchema, value: unknown, walk: Walk): Record<string, unknown> {
  if (!isObject(value)) throw mismatch(value, goTypeOf(schema), walk);
  const out: Record<string, unknown> = {};
  for (const key in value) {
    const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
    const given = value[key];
    walk.path.push(key);
    if (!field) {
      if (schema.preserveUnknown) setKey(out, key, cloneJson(given));
      else if (walk.unknownFields.length < maxComplaints) walk.unknownFields.push(formatFieldPath(walk.path));
    } else if (given === null || given === undefined) {
      if (field.nullable && given === null) setKey(out, key, null);
    } else {
      const decoded = decode(field, given, walk);
      if (!isDropped(field, decoded)) setKey(out, key, decoded);
    }
    walk.path.pop();
  }
  for (const [key, field] of fillersOf(schema)) {
    if (out[key] !== undefined) continue;
    if (++walk.filled > maxFilled) throw new TooManyValuesError(maxFilled);
    walk.path.push(key);
    if (field.default !== undefined && walk.defaults) out[key] = decode(field, field.default, walk);
    else if (field.always) out[key] = emptyOf(field, walk);
    walk.path.pop();
  }
  return out;
}

const fillerCache = new WeakMap<ObjectSchema, [string, AnySchema][]>();

/** The fields that may have to be filled in when absent. */
function fillersOf(schema: ObjectSchema): [string, AnySchema][] {
  let fillers = fillerCache.get(schema);
  if (!fillers) {
    fillers = Object.entries(schema.fields).filter(([, f]) => f.always || f.default !== undefined);
    fillerCache.set(schema, fillers);
  }
  return fillers;
}

function emptyOf(field: AnySchema, walk: Walk): unknown {
  if (field.type === 'object') return decodeObject(field, {}, walk);
  if (field.type === 'boolean') return false;
  if (field.type === 'integer' || field.type === 'number') return 0;
  if (field.type === 'string') {
    if (field.format === 'date-time' || field.format === 'micro-time' || field.format === 'byte') return null;
    return field.format === 'quantity' || field.format === 'int-or-string'
      ? field.format === 'quantity'
        ? '0'
        : 0
      : '';
  }
  return null;
}

/**
 * A zero value that this field cannot tell from absence: what has a default gets it then, also
 * where it was written out.
 */
function isDropped(field: AnySchema, value: unknown): boolean {
  if (field.pointer || (field.always && field.default === undefined)) return false;
  switch (field.type) {
    case 'string':
      return value === '';
    case 'integer':
    case 'number':
      return value === 0;
    case 'boolean':
      return value === false;
    case 'list':
      return (value as unknown[]).length === 0;
    case 'map':
      return Object.keys(value as object).length === 0;
    default:
      return false;
  }
}

function decodeList(schema: ListSchema, value: unknown, walk: Walk): unknown[] {
  if (!Array.isArray(value)) throw mismatch(value, goTypeOf(schema), walk);
  return value.map((item, i) => {
    walk.path.push(i);
    // A null item decodes to the zero value of its type, as it does upstream.
    const isZero = item === null && !schema.items.lenient;
    const decoded = isZero ? emptyOf(schema.items, walk) : decode(schema.items, item, walk);
    walk.path.pop();
    return decoded;
  });
}

function decodeMap(schema: MapSchema, value: unknown, walk: Walk): Record<string, unknown> {
  if (!isObject(value)) throw mismatch(value, goTypeOf(schema), walk);
  const out: Record<string, unknown> = {};
  const isResources = schema.values.type === 'string' && schema.values.format === 'quantity';
  for (const key in value) {
    const given = value[key];
    if (given === null && schema.values.lenient && !schema.values.nullable) continue;
    walk.path.push(key);
    const isZero = given === null && !schema.values.lenient;
    const decoded = isZero ? emptyOf(schema.values, walk) : decode(schema.values, given, walk);
    setKey(out, key, isResources && typeof decoded === 'string' ? roundUpToMilli(decoded) : decoded);
    walk.path.pop();
  }
  return out;
}

function decodeString(schema: StringSchema, value: unknown, walk: Walk): unknown {
  if (schema.format === 'quantity') {
    const isNumber = typeof value === 'number' || typeof value === 'bigint';
    if (typeof value !== 'string' && !isNumber) throw mismatch(value, 'resource.Quantity', walk);
    const text = isNumber ? literalOf(value, walk) : value;
    const canonical = canonicalQuantity(text);
    if (canonical === undefined) throw new DecodeError(quantityProblem(text));
    return canonical;
  }
  if (schema.format === 'int-or-string') {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' && isInt32(value) && isWritten(value, walk)) return value;
    if (typeof value === 'number' || typeof value === 'bigint') throw notThatNumber(value, 'int32', walk);
    throw mismatch(value, 'intstr.IntOrString', walk);
  }
  if (typeof value !== 'string') throw mismatch(value, 'string', walk);
  if (schema.format === 'date-time') return canonicalTime(value, false);
  if (schema.format === 'micro-time') return canonicalTime(value, true);
  if (schema.format === 'byte') return checkBase64(value);
  return value;
}

const canonicalSeconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const canonicalMicro = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** A time in UTC, with seconds or microseconds. */
function canonicalTime(text: string, micro: boolean): string {
  const ms = (micro ? canonicalMicro : canonicalSeconds).test(text) ? Date.parse(text) : Number.NaN;
  // A date takes days that its month has not for days of the next.
  return new Date(ms).getUTCDate() === Number(text.slice(8, 10)) ? text : readTime(text, micro);
}

/** Reads, and refuses, as Go's time.Parse does it for RFC 3339. */
function readTime(text: string, micro: boolean): string {
  const shown = `parsing time ${JSON.stringify(text)}`;
  let rest = text;
  const take = (pattern: RegExp, layout: string): string => {
    const [found] = pattern.exec(rest) ?? [];
    if (found === undefined) {
      const why = `cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(layout)}`;
      throw new DecodeError(`${shown} as "2006-01-02T15:04:05Z07:00": ${why}`);
    }
    rest = rest.slice(found.length);
    return found;
  };
  const within = (value: string, least: number, most: number, name: string): number => {
    if (Number(value) >= least && Number(value) <= most) return Number(value);
    throw new DecodeError(`${shown}: ${name} out of range`);
  };
  const year = Number(take(/^\d{4}/, '2006'));
  take(/^-/, '-');
  const month = within(take(/^\d\d/, '01'), 1, 12, 'month');
  take(/^-/, '-');
  const day = take(/^\d\d/, '02');
  take(/^T/, 'T');
  const hour = within(take(/^\d\d?/, '15'), 0, 23, 'hour');
  take(/^:/, ':');
  const minute = within(take(/^\d\d/, '04'), 0, 59, 'minute');
  take(/^:/, ':');
  const second = within(take(/^\d\d/, '05'), 0, 59, 'second');
  const fraction = take(/^(?:[.,]\d+)?/, '');
  const zone = take(/^(?:Z|[+-]\d\d:\d\d)/, 'Z07:00');
  const offset =
    within(zone.slice(1, 3), 0, 24, 'time zone offset hour') * 60 +
    within(zone.slice(4), 0, 60, 'time zone offset minute');
  if (rest) throw new DecodeError(`${shown}: extra text: ${JSON.stringify(rest)}`);
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  date.setUTCFullYear(year, month - 1, within(day, 1, date.getUTCDate(), 'day'));
  date.setUTCHours(hour, minute - (zone[0] === '-' ? -offset : offset), second);
  // A zone may lead out of the four digits of a year.
  const seconds = date.toISOString().slice(0, -5).replace(/^\+0/, '').replace(/^-00/, '-');
  return micro ? `${seconds}.${fraction.slice(1, 7).padEnd(6, '0')}Z` : `${seconds}Z`;
}

const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

function checkBase64(given: string): string {
  const text = /[\r\n]/.test(given) ? given.replace(/[\r\n]/g, '') : given;
  if (text.length % 4 !== 0 || !base64Pattern.test(text)) {
    const bad = /[^A-Za-z0-9+/]/.exec(text)?.index ?? text.length;
    throw new DecodeError(`illegal base64 data at input byte ${bad}`);
  }
  return text;
}

/** A number as it is written. */
function literalOf(value: number | bigint, { literals, path }: Walk): string {
  return literals?.get(formatFieldPath(path)) ?? String(value);
}

/** Whether an integer is written as one: `1.0` and `1e3` are none to Go. */
const isWritten = (value: number | bigint, walk: Walk): boolean =>
  walk.literals === undefined || /^-?\d+$/.test(literalOf(value, walk));

const isInt32 = (value: number) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;

/** An int64 that a double cannot hold stays a bigint. */
function decodeNumber(schema: NumberSchema, value: unknown, walk: Walk): number | bigint {
  const goType = schema.type === 'number' ? 'float64' : (schema.format ?? 'int64');
  if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(value, goType, walk);
  if (schema.type === 'number') return Number(value);
  const fits =
    schema.format === 'int32'
      ? typeof value === 'number' && isInt32(value)
      : typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!fits || !isWritten(value, walk)) throw notThatNumber(value, goType, walk);
  return value;
}

const notThatNumber = (value: number | bigint, goType: string, walk: Walk): DecodeError =>
  cannotUnmarshal(`number ${literalOf(value, walk)}`, goType, walk);

/** What a value is called where another kind of value was wanted. */
export function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (isObject(value)) return 'object';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'bigint' ? 'number' : typeof value;
}

const mismatch = (value: unknown, goType: string, walk: Walk): DecodeError =>
  cannotUnmarshal(goKindOf(value), goType, walk);

// Go names the struct that has the field, and the fields on the way to it: no indices, and no keys of maps.
function cannotUnmarshal(what: string, goType: string, { root, path }: Walk): DecodeError {
  const names: string[] = [];
  let owner = '';
  let schema: AnySchema | undefined = root;
  for (const step of path) {
    if (schema?.type === 'object') {
      owner = schema.name.split('.').at(-1) ?? '';
      names.push(String(step));
      schema = schema.fields[step];
    } else schema = schema?.type === 'list' ? schema.items : schema?.type === 'map' ? schema.values : undefined;
  }
  const where = names.length > 0 ? `struct field ${[owner, ...names].join('.')}` : 'value';
  return new DecodeError(`json: cannot unmarshal ${what} into Go ${where} of type ${goType}`);
}

const shortName = (name: string) => name.split('.').slice(-2).join('.');

/** The type as upstream's clients know it from their error messages. */
function goTypeOf(schema: AnySchema): string {
  if (schema.type === 'object') return shortName(schema.name) || 'map[string]interface {}';
  if (schema.type === 'list') return `[]${goTypeOf(schema.items)}`;
  if (schema.type === 'map') return `map[string]${goTypeOf(schema.values)}`;
  if (schema.type === 'boolean') return 'bool';
  if (schema.type === 'any') return schema.alternatives ? shortName(schema.name) : 'interface {}';
  return schema.type === 'string' ? 'string' : (schema.format ?? 'int64');
}
