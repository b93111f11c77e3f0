// Items of lists that are sets or maps come once.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy

import { duplicate, type FieldError } from '../../../machinery/field-error.ts';
import { canonicalJson, isObject } from '../../../machinery/json.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { itemsOf, valuesOf } from './schema-walk.ts';
import { childPath, keysOf } from './value-validation.ts';

export function validateListTypes(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, path, errors);
  return errors;
}

function check(schema: JSONSchemaProps, value: unknown, path: string, errors: FieldError[]): void {
  if (Array.isArray(value)) {
    const listType = schema['x-kubernetes-list-type'];
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    if (listType === 'map')
      checkUnique(
        value.map((item) => keysOf(item, keys)),
        path,
        errors,
      );
    if (listType === 'set') checkUnique(value, path, errors);
    const items = itemsOf(schema);
    if (items) for (const [i, item] of value.entries()) check(items, item, `${path}[${i}]`, errors);
  } else if (isObject(value)) {
    const values = valuesOf(schema);
    const { properties = {} } = schema;
    for (const key in value) {
      const property = Object.hasOwn(properties, key) ? properties[key] : values;
      if (property) check(property, value[key], childPath(path, key), errors);
    }
  }
}

function checkUnique(keys: readonly unknown[], path: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [i, key] of keys.entries()) {
    const text = canonicalJson(key);
    if (seen.has(text)) errors.push(duplicate(`${path}[${i}]`, key));
    seen.add(text);
  }
}
