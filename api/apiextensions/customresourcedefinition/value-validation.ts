// Whether a value of a custom resource is what its JSON schema wants: types, bounds, patterns, enums, and the
// combinations of schemas. Errors bear the texts of Kubernetes, which speaks of "spec.n in body".
// Upstream: apiextensions-apiserver's validation over kube-openapi's validator.

import {
  append,
  type FieldError,
  type FieldErrorType,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../../../machinery/field-error.ts';
import { canonicalJson, isObject, jsonEqual, writeJson } from '../../../machinery/json.ts';
import { userRegExp } from '../../../machinery/regexp.ts';
import { hasFormat, isKnownFormat } from './formats.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { childPath, itemsOf, valuesOf } from './schema-walk.ts';

/** No more errors than anybody reads. */
const maxErrors = 100;

/**
 * The errors of a value. `at` is the field that holds it, '' for a whole object: the texts speak of what is below it.
 * Parts that are as they were in `old` may stay so, whatever the schema says of them now.
 */
export function validateValue(schema: JSONSchemaProps, value: unknown, at = '', old?: unknown): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, { at, path: () => '', errors, old });
  return errors;
}

interface Place {
  at: string;
  /** From `at` to the value; made where there is something to say: a list may be long. */
  path: () => string;
  errors: FieldError[];
  old: unknown;
}

/** How many checks were made and passed: of alternatives that all fail, the one with most of them is shown. */
type Matches = number;

function check(schema: JSONSchemaProps, value: unknown, place: Place): Matches {
  const { errors, old } = place;
  return errors.length >= maxErrors || (old !== undefined && jsonEqual(value, old))
    ? 0
    : checkNew(schema, value, place);
}

function checkNew(schema: JSONSchemaProps, value: unknown, place: Place): Matches {
  let matches = checkType(schema, value, place) ? 2 : 1;
  if (value !== null && value !== undefined) matches += checkCombinations(schema, value, place);
  if (typeof value === 'string') checkString(schema, value, place);
  else if (typeof value === 'number' || typeof value === 'bigint') checkNumber(schema, value, place);
  else if (Array.isArray(value)) matches += checkList(schema, value, place);
  checkEnum(schema, value, place);
  return isObject(value) ? matches + checkObject(schema, value, place) : matches;
}

function fieldOf({ at, path }: Place): string {
  const below = path().replace(/^\./, '');
  return at && below ? `${at}.${below}` : at || below;
}

function fail(place: Place, shown: unknown, text: string, type: FieldErrorType = 'Invalid'): void {
  const error = invalid(fieldOf(place), shown, `${place.path()} in body ${text}`);
  place.errors.push({ ...error, type });
}

/** Says, once, what upstream says of no field in particular. */
function failAsWhole({ at, errors }: Place, text: string): void {
  const error = invalid(at || '<nil>', '', text);
  if (!errors.some(({ detail }) => detail === error.detail)) errors.push(error);
}

/** A number that Go would not read as an int64 is a float there. */
export const isWhole = (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value);

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint' || typeof value === 'number') return isWhole(value) ? 'integer' : 'number';
  return typeof value;
}

const ofNumbers: Record<string, readonly string[]> = { integer: ['int32', 'int64'], number: ['float', 'double'] };

/** The format of a schema, where it is one that its type can have. */
function formatOf({ type = 'string', format = '' }: JSONSchemaProps): string | undefined {
  return (type === 'string' ? isKnownFormat(format) : ofNumbers[type]?.includes(format)) ? format : undefined;
}

function isOfType(schema: JSONSchemaProps, value: unknown): boolean {
  const given = typeOf(value);
  if (given === 'null') return schema.nullable === true || (!schema.type && !schema['x-kubernetes-int-or-string']);
  if (schema['x-kubernetes-int-or-string']) return given === 'integer' || given === 'string';
  if (!schema.type) return true;
  // As Kubernetes has it: with a format, a list is as good as a text.
  if (given === 'array' && schema.type === 'string' && formatOf(schema)) return true;
  return given === schema.type || (schema.type === 'number' && given === 'integer');
}

function checkType(schema: JSONSchemaProps, value: unknown, place: Place): boolean {
  if (isOfType(schema, value)) return true;
  const given = typeOf(value);
  // Where the type has a format, that is what is missed.
  const format = ['null', 'array', 'string'].includes(given) ? undefined : formatOf(schema);
  const wanted = format ?? (schema['x-kubernetes-int-or-string'] ? 'integer,string' : schema.type);
  const shown = format ? ({ integer: 'int64', number: 'float64' }[given] ?? '') : given;
  fail(place, shown, `must be of type ${wanted}: ${JSON.stringify(shown)}`, 'TypeInvalid');
  return false;
}

interface Enum {
  /** What a value is found by. */
  known: ReadonlySet<string>;
  /** As errors show them. */
  shown: readonly string[];
}

/** Both the values of an enum and those that are held against it may be very many: it is read once. */
const enums = new WeakMap<readonly unknown[], Enum>();

function readEnum(all: readonly unknown[]): Enum {
  let read = enums.get(all);
  if (!read) {
    const shown = all.map((one) => (typeof one === 'string' ? one : writeJson(one)));
    read = { known: new Set(all.map(canonicalJson)), shown };
    enums.set(all, read);
  }
  return read;
}

function checkEnum(schema: JSONSchemaProps, value: unknown, place: Place): void {
  if (!schema.enum?.length) return;
  const { known, shown } = readEnum(schema.enum);
  if (value === null || !known.has(canonicalJson(value))) place.errors.push(notSupported(fieldOf(place), value, shown));
}

function checkString(schema: JSONSchemaProps, value: string, place: Place): void {
  const { minLength, maxLength, pattern } = schema;
  // Characters are counted as Go counts them: a pair of surrogates is one.
  const length = minLength === undefined && maxLength === undefined ? 0 : countRunes(value);
  if (maxLength !== undefined && length > maxLength) place.errors.push(tooLong(fieldOf(place), maxLength));
  else if (minLength !== undefined && length < minLength)
    fail(place, value, `should be at least ${minLength} chars long`);
  else if (pattern && !userRegExp(pattern).test(value)) fail(place, value, `should match '${pattern}'`);
  const format = formatOf(schema);
  if (format && !hasFormat(format, value)) {
    fail(place, value, `must be of type ${format}: ${JSON.stringify(value)}`, 'TypeInvalid');
  }
}

function countRunes(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0xdc00 || code > 0xdfff) count++;
  }
  return count;
}

/** Whole numbers are held against the whole parts of bounds. */
function checkNumber(schema: JSONSchemaProps, value: number | bigint, place: Place): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const asGiven = (bound: number) => (isWhole(value) ? Math.trunc(bound) : bound);
  checkRange(schema, value, 'Checked', place);
  if (multipleOf !== undefined && checkRange(schema, multipleOf, 'MultipleOf', place)) {
    const factor = asGiven(multipleOf);
    if (factor <= 0) {
      const text = `factor MultipleOf declared for ${place.path()} must be positive: ${factor}`;
      place.errors.push(invalid(fieldOf(place), factor, text));
    } else if (!isMultiple(value, factor)) fail(place, value, `should be a multiple of ${factor}`);
  }
  if (minimum !== undefined && checkRange(schema, minimum, 'Minimum boundary', place)) {
    const bound = asGiven(minimum);
    const isBelow = exclusiveMinimum ? value <= bound : value < bound;
    if (isBelow) fail(place, value, `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${bound}`);
  }
  if (maximum !== undefined && checkRange(schema, maximum, 'Maximum boundary', place)) {
    const bound = asGiven(maximum);
    const isAbove = exclusiveMaximum ? value >= bound : value > bound;
    if (isAbove) fail(place, value, `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${bound}`);
  }
}

const isMultiple = (value: number | bigint, factor: number): boolean =>
  typeof value === 'bigint'
    ? value % BigInt(factor) === 0n
    : Number.isSafeInteger(factor < 1 ? (1 / factor) * value : value / factor);

/** Whether a number, or a bound, fits into what the schema has. */
function checkRange(schema: JSONSchemaProps, value: number | bigint, what: string, place: Place): boolean {
  const { type } = schema;
  const format = formatOf(schema);
  const isInside =
    type === 'integer'
      ? (isWhole(value) || (Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 63)) &&
        (format !== 'int32' || Number(value) === (Number(value) | 0))
      : format !== 'float' || Number.isFinite(Math.fround(Number(value)));
  if (isInside) return true;
  const wanted = format ? `with format ${format}` : '(default format)';
  failAsWhole(place, `${what} value must be of type ${type} ${wanted} in ${place.path()}`);
  return false;
}

function checkList(schema: JSONSchemaProps, value: readonly unknown[], place: Place): Matches {
  const { path, old } = place;
  const { minItems, maxItems } = schema;
  const items = itemsOf(schema);
  let matches = 1;
  if (items) {
    const oldItem = correlate(schema, Array.isArray(old) ? old : []);
    const isPlain = isTypeAlone(items);
    for (const [i, item] of value.entries()) {
      if (isPlain && isOfType(items, item)) matches += 2;
      else matches += check(items, item, { ...place, path: () => `${path()}[${i}]`, old: oldItem(item) });
    }
  }
  if (minItems !== undefined && value.length < minItems) {
    fail(place, value.length, `should have at least ${minItems} items`);
  }
  if (maxItems !== undefined && value.length > maxItems) {
    place.errors.push(tooMany(fieldOf(place), value.length, maxItems));
  }
  return matches;
}

const ofScalarAlone = new Set(['type', 'description', 'title', 'default', 'nullable']);

/** Whether there is nothing to look at but the type of a value. */
const isTypeAlone = (schema: JSONSchemaProps): boolean =>
  schema.type !== 'object' && schema.type !== 'array' && Object.keys(schema).every((key) => ofScalarAlone.has(key));

/** Finds what an item was before: only the items of map lists can be told again. */
export function correlate(schema: JSONSchemaProps, old: readonly unknown[]): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!keys || schema['x-kubernetes-list-type'] !== 'map' || old.length === 0) return () => undefined;
  const nameOf = (item: unknown) => canonicalJson(keysOf(item, keys));
  const known = new Map(old.map((item) => [nameOf(item), item]));
  return (item) => known.get(nameOf(item));
}

/** The fields of an item that tell it from the others of its list. */
export const keysOf = (item: unknown, keys: readonly string[]): unknown =>
  isObject(item)
    ? Object.fromEntries(keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]))
    : item;

function checkObject(schema: JSONSchemaProps, value: Record<string, unknown>, place: Place): Matches {
  const { path, errors, old } = place;
  const { minProperties, maxProperties, properties = {} } = schema;
  if (minProperties !== undefined || maxProperties !== undefined) {
    const count = Object.keys(value).length;
    if (minProperties !== undefined && count < minProperties) {
      fail(place, count, `should have at least ${minProperties} properties`);
    }
    if (maxProperties !== undefined && count > maxProperties)
      errors.push(tooMany(fieldOf(place), count, maxProperties));
  }
  const values = valuesOf(schema);
  let matches = 0;
  for (const key in value) {
    const isProperty = Object.hasOwn(properties, key);
    const property = isProperty ? properties[key] : values;
    const before = isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined;
    const below = isProperty ? () => childPath(path(), key) : () => `${path()}.${key}`;
    if (property) matches += check(property, value[key], { ...place, path: below, old: before });
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) errors.push(required(fieldOf({ ...place, path: () => `${path()}.${key}` })));
  }
  return matches;
}

function checkCombinations(schema: JSONSchemaProps, value: unknown, place: Place): Matches {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  if (!not && allOf.length + anyOf.length + oneOf.length === 0) return 0;
  const quoted = JSON.stringify(place.path());
  const results = (parts: readonly JSONSchemaProps[]): Result[] =>
    parts.map((part) => {
      const errors: FieldError[] = [];
      return { errors, matches: checkNew(part, value, { ...place, errors }) };
    });
  let matches = 0;
  const take = (result: Result | undefined) => {
    append(place.errors, result?.errors ?? []);
    matches += result?.matches ?? 0;
  };
  if (anyOf.length > 0) {
    const all = results(anyOf);
    const good = all.find(isGood);
    if (!good) failAsWhole(place, `${quoted} must validate at least one schema (anyOf)`);
    take(good ?? nearest(all));
  }
  if (oneOf.length > 0) {
    const all = results(oneOf);
    const good = all.filter(isGood);
    if (good.length !== 1) {
      const found = good.length === 0 ? 'Found none valid' : `Found ${good.length} valid alternatives`;
      failAsWhole(place, `${quoted} must validate one and only one schema (oneOf). ${found}`);
    }
    if (good.length < 2) take(good[0] ?? nearest(all));
  }
  if (allOf.length > 0) {
    const all = results(allOf);
    for (const result of all) take(result);
    if (!all.every(isGood)) {
      failAsWhole(
        place,
        `${quoted} must validate all the schemas (allOf)${all.some(isGood) ? '' : '. None validated'}`,
      );
    }
  }
  if (not && results([not]).every(isGood)) failAsWhole(place, `${quoted} must not validate the schema (not)`);
  return matches;
}

interface Result {
  errors: FieldError[];
  matches: Matches;
}

const isGood = ({ errors }: Result) => errors.length === 0;

/** What keeps the value from the schema it comes closest to: the first with most checks passed. */
const nearest = (results: readonly Result[]): Result =>
  results.reduce((best, one) => (one.matches > best.matches ? one : best));
