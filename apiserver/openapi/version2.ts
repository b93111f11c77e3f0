// Schemas of custom resources as OpenAPI 2 can say them: without alternatives and null, and untyped where old kubectls
// would otherwise refuse what the server takes. Upstream: apiextensions' controller/openapi/v2.
import type { JsonSchema } from './model.ts';

const keepsUnknown = 'x-kubernetes-preserve-unknown-fields';
const typeKey = 'x-kubernetes-group-version-kind';

/** A whole resource. One that may hold anything says no more than that it is an object. */
export function publishedInVersion2(schema: JsonSchema): JsonSchema {
  return schema[keepsUnknown] ? { type: 'object', [typeKey]: schema[typeKey] } : inVersion2(schema);
}

function inVersion2(schema: JsonSchema): JsonSchema {
  const { allOf: _all, oneOf: _one, anyOf: _any, not: _not, nullable, type, required, ...rest } = schema;
  const { items, properties, additionalProperties: values, ...own } = rest;
  const isOpen = nullable === true || schema[keepsUnknown] === true;
  const isTyped = !nullable && !(isOpen && type === 'object') && !(type === 'array' && (isOpen || !items));
  const asked = values?.nullable ? [] : (required ?? []).filter((name: string) => !properties?.[name]?.nullable);
  return {
    ...own,
    ...(type && isTyped ? { type } : {}),
    ...(asked.length > 0 ? { required: asked } : {}),
    ...(items && !isOpen ? { items: inVersion2(items) } : {}),
    ...(properties && !isOpen ? { properties: mapValues(properties, inVersion2) } : {}),
    ...(values === undefined ? {} : { additionalProperties: typeof values === 'object' ? inVersion2(values) : values }),
  };
}

const mapValues = (values: JsonSchema, change: (value: JsonSchema) => JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
