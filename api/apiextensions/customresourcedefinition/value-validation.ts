// Whether a value of a custom resource is what its JSON schema wants: types, bounds, patterns, enums, and the
// combinations of schemas. Errors bear the texts of Kubernetes, which speaks of "spec.n in body".
// Upstream: apiextensions-apiserver's validation over kube-openapi's validator.

import {
  append,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../../../machinery/field-error.ts';
import { canonicalJson, isObject, jsonEqual, writeJson } from '../../../machinery/json.ts';
import { userRegExp } from '../../../machinery/regexp.ts';
import { hasFormat } from './formats.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { itemsOf, valuesOf } from './schema-walk.ts';

/** No more errors than anybody reads. */
const maxErrors = 100;

/**
 * The errors of a value, in the order of the schema. `path` is that of the value: `spec.n`; '' for a whole object. Parts
 * that are as they were in `old` may stay so, whatever the schema says of them now.
 */
export function validateValue(schema: JSONSchemaProps, value: unknown, path: string, old?: unknown): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, { path: () => path, errors, old });
  return errors;
}

export const childPath = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);

interface Place {
  /** Made where there is something to say: a list may be long. */
  path: () => string;
  errors: FieldError[];
  old: unknown;
}

type Fail = (text: string) => void;

function check(schema: JSONSchemaProps, value: unknown, place: Place): void {
  const { errors, old } = place;
  if (errors.length >= maxErrors || (old !== undefined && jsonEqual(value, old))) return;
  if (value === null && schema.nullable) return;
  const fail = (text: string) => {
    const path = place.path();
    errors.push(invalid(path, value, `${path} in body ${text}`));
  };
  if (!isOfType(schema, value)) {
    const [path, given] = [place.path(), typeOf(value)];
    const wanted = schema['x-kubernetes-int-or-string'] ? 'integer,string' : schema.type;
    const text = `${path} in body must be of type ${wanted}: ${JSON.stringify(given)}`;
    errors.push({ ...invalid(path, given, text), type: 'TypeInvalid' });
    return;
  }
  checkEnum(schema, value, place);
  if (typeof value === 'string') checkString(schema, value, place, fail);
  else if (typeof value === 'number' || typeof value === 'bigint') checkNumber(schema, value, fail);
  else if (Array.isArray(value)) checkList(schema, value, place, fail);
  else if (isObject(value)) checkObject(schema, value, place, fail);
  checkCombinations(schema, value, place);
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function isOfType(schema: JSONSchemaProps, value: unknown): boolean {
  const given = typeOf(value);
  if (schema['x-kubernetes-int-or-string']) return given === 'integer' || given === 'string';
  if (!schema.type) return true;
  return given === schema.type || (schema.type === 'number' && given === 'integer');
}

function checkEnum(schema: JSONSchemaProps, value: unknown, { path, errors }: Place): void {
  if (!schema.enum || schema.enum.some((one) => jsonEqual(one, value))) return;
  const allowed = schema.enum.map((one) => (typeof one === 'string' ? one : writeJson(one)));
  errors.push(notSupported(path(), value, allowed));
}

function checkString(schema: JSONSchemaProps, value: string, { path, errors }: Place, fail: Fail): void {
  const { minLength, maxLength, pattern, format } = schema;
  // Characters are counted as Go counts them: a pair of surrogates is one.
  const length = minLength === undefined && maxLength === undefined ? 0 : countRunes(value);
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path(), maxLength));
  if (minLength !== undefined && length < minLength) fail(`should be at least ${minLength} chars long`);
  if (pattern && !userRegExp(pattern).test(value)) fail(`should match '${pattern}'`);
  if (format && !hasFormat(format, value)) {
    const text = `${path()} in body must be of type ${format}: ${JSON.stringify(value)}`;
    errors.push({ ...invalid(path(), value, text), type: 'TypeInvalid' });
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

function checkNumber(schema: JSONSchemaProps, value: number | bigint, fail: Fail): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    fail(`should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`);
  }
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    fail(`should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`);
  }
  if (multipleOf && !Number.isInteger(Number(value) / multipleOf)) fail(`should be a multiple of ${multipleOf}`);
}

function checkList(schema: JSONSchemaProps, value: readonly unknown[], place: Place, fail: Fail): void {
  const { path, errors, old } = place;
  const { minItems, maxItems } = schema;
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path(), value.length, maxItems));
  if (minItems !== undefined && value.length < minItems) fail(`should have at least ${minItems} items`);
  const items = itemsOf(schema);
  if (!items) return;
  const oldItem = correlate(schema, Array.isArray(old) ? old : []);
  const isPlain = isTypeAlone(items);
  for (const [i, item] of value.entries()) {
    if (isPlain && isOfType(items, item)) continue;
    check(items, item, { path: () => `${path()}[${i}]`, errors, old: oldItem(item) });
  }
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

function checkObject(schema: JSONSchemaProps, value: Record<string, unknown>, place: Place, fail: Fail): void {
  const { path, errors, old } = place;
  const { minProperties, maxProperties, properties = {} } = schema;
  if (minProperties !== undefined || maxProperties !== undefined) {
    const count = Object.keys(value).length;
    if (maxProperties !== undefined && count > maxProperties) errors.push(tooMany(path(), count, maxProperties));
    if (minProperties !== undefined && count < minProperties) fail(`should have at least ${minProperties} properties`);
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) errors.push(required(childPath(path(), key)));
  }
  const values = valuesOf(schema);
  for (const key in value) {
    const property = Object.hasOwn(properties, key) ? properties[key] : values;
    const before = isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined;
    if (property) check(property, value[key], { path: () => childPath(path(), key), errors, old: before });
  }
}

function checkCombinations(schema: JSONSchemaProps, value: unknown, place: Place): void {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  if (!not && allOf.length + anyOf.length + oneOf.length === 0) return;
  const { errors } = place;
  const path = place.path();
  const quoted = JSON.stringify(path);
  const fail = (text: string) => void errors.push(invalid(path, value, `${quoted} ${text}`));
  const errorsOf = (part: JSONSchemaProps) => validateValue(part, value, path);
  for (const part of allOf) {
    const found = errorsOf(part);
    if (found.length > 0) {
      append(errors, found);
      fail('must validate all the schemas (allOf)');
      break;
    }
  }
  if (anyOf.length > 0) {
    const results = anyOf.map(errorsOf);
    if (results.every((found) => found.length > 0)) {
      append(errors, nearest(results));
      fail('must validate at least one schema (anyOf)');
    }
  }
  if (oneOf.length > 0) {
    const results = oneOf.map(errorsOf);
    const good = results.filter((found) => found.length === 0).length;
    if (good === 0) {
      append(errors, nearest(results));
      fail('must validate one and only one schema (oneOf). Found none valid');
    } else if (good > 1) fail(`must validate one and only one schema (oneOf). Found ${good} valid alternatives`);
  }
  if (not && errorsOf(not).length === 0) fail('must not validate the schema (not)');
}

/** What keeps the value from the schema it comes closest to. */
function nearest(results: readonly FieldError[][]): FieldError[] {
  return results.reduce((best, found) => (found.length < best.length ? found : best));
}
