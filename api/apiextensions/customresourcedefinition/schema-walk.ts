// Ways through a JSON schema that holds others.
import { append } from '../../../machinery/field-error.ts';
import { isObject } from '../../../machinery/json.ts';
import type { JSONSchemaProps } from './json-schema.ts';

/** The schema of the items, where there is one for all of them. */
export function itemsOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return schema.items && !Array.isArray(schema.items) ? schema.items : undefined;
}

/** The schema of the values of a map. */
export function valuesOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** The schemas of the parts of a value, each with its place below the schema: items, fields, values of a map. */
export function* partsOf(schema: JSONSchemaProps): Generator<[part: JSONSchemaProps, at: string]> {
  const [items, values] = [itemsOf(schema), valuesOf(schema)];
  if (items) yield [items, '.items'];
  for (const [name, field] of Object.entries(schema.properties ?? {})) yield [field, `.properties[${name}]`];
  if (values) yield [values, '.additionalProperties'];
}

/** Visits the parts of a value that have a schema, each with this and its path. */
export function eachPart(
  schema: JSONSchemaProps,
  value: unknown,
  path: string,
  visit: (schema: JSONSchemaProps, part: unknown, path: string) => void,
): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) for (const [i, item] of value.entries()) visit(items, item, `${path}[${i}]`);
  } else if (isObject(value)) {
    const { properties = {} } = schema;
    const values = valuesOf(schema);
    for (const key in value) {
      if (Object.hasOwn(properties, key)) visit(properties[key]!, value[key], childPath(path, key));
      else if (values) visit(values, value[key], `${path}[${key}]`);
    }
  }
}

/** `a.b`, or `b` where there is nothing before it. */
export const childPath = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);

/** The schemas directly below one. */
function* childrenOf(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  const lists = [schema.allOf, schema.anyOf, schema.oneOf, Array.isArray(schema.items) ? schema.items : undefined];
  for (const list of lists) yield* list ?? [];
  for (const map of [schema.properties, schema.patternProperties, schema.definitions]) yield* Object.values(map ?? {});
  for (const one of [itemsOf(schema), valuesOf(schema), schema.not, schema.additionalItems]) {
    if (typeof one === 'object') yield one;
  }
  for (const one of Object.values(schema.dependencies ?? {})) if (!Array.isArray(one)) yield one;
}

/** A schema and all below it, each before what it holds. */
export function* allSchemas(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  const waiting = [schema];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    yield next;
    append(waiting, childrenOf(next));
  }
}
