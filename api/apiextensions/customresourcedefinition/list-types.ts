// Items of lists that are sets or maps come once.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy

import { duplicate, type FieldError, invalid } from '../../../machinery/field-error.ts';
import { canonicalJson, isObject } from '../../../machinery/json.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { eachPart } from './schema-walk.ts';
import { keysOf } from './value-validation.ts';

export function validateListTypes(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, path, errors);
  return errors;
}

function check(schema: JSONSchemaProps, value: unknown, path: string, errors: FieldError[]): void {
  if (Array.isArray(value)) {
    const listType = schema['x-kubernetes-list-type'];
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    const stranger = listType === 'map' ? value.findIndex((item) => item !== null && !isObject(item)) : -1;
    if (stranger >= 0) {
      const why = 'must be an object for an array of list-type map';
      errors.push(invalid(`${path}[${stranger}]`, value[stranger], why));
    } else if (listType === 'map') {
      const itemKeys = value.map((item) => keysOf(item ?? {}, keys));
      checkUnique(itemKeys, path, errors);
    } else if (listType === 'set') checkUnique(value, path, errors);
  }
  eachPart(schema, value, path, (below, part, at) => check(below, part, at, errors));
}

function checkUnique(keys: readonly unknown[], path: string, errors: FieldError[]): void {
  const seen = new Map<string, number>();
  for (const [i, key] of keys.entries()) {
    const text = canonicalJson(key);
    const times = seen.get(text) ?? 0;
    // Said once of each, however often it comes.
    if (times === 1) errors.push(duplicate(`${path}[${i}]`, key));
    seen.set(text, times + 1);
  }
}
