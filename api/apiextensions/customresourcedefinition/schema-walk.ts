// Ways through a JSON schema that holds others.
import { append } from '../../../machinery/field-error.ts';
import type { JSONSchemaProps } from './json-schema.ts';

/** The schema of the items, where there is one for all of them. */
export function itemsOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return schema.items && !Array.isArray(schema.items) ? schema.items : undefined;
}

/** The schema of the values of a map. */
export function valuesOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

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
