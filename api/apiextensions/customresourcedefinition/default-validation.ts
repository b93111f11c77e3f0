// Defaults in a schema of custom resources are values that the schema allows, its rules in CEL too.
// Upstream: apiextensions-apiserver's apiserver/schema/defaulting/validation.go.
import { joinErrors } from '../../../machinery/errors.ts';
import { append, type FieldError, invalid, showError } from '../../../machinery/field-error.ts';
import { isObject, jsonEqual } from '../../../machinery/json.ts';
import { validateEmbeddedResources } from './embedded-resources.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { compileRules } from './rules.ts';
import { itemsOf, valuesOf } from './schema-walk.ts';
import { validateValue } from './value-validation.ts';

const metaFields = new Set(['metadata', 'kind', 'apiVersion']);

interface Place {
  path: string;
  /** The object whose metadata, kind or apiVersion the place is in: its schema, and such an object around a value. */
  resource: JSONSchemaProps;
  around: (value: unknown) => unknown;
  inMeta: boolean;
}

/** The errors of all defaults of a whole schema; `path` is its own. Those of map values are forbidden elsewhere. */
export function validateDefaults(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  visit({ ...schema, 'x-kubernetes-embedded-resource': true }, { path, ...resourcePlace(schema) }, errors);
  return errors;
}

const resourcePlace = (resource: JSONSchemaProps) => ({
  resource: { ...resource, 'x-kubernetes-embedded-resource': true },
  around: (value: unknown) => ({ apiVersion: 'validation/v1', kind: 'Validation', ...(value as object) }),
  inMeta: false,
});

function visit(schema: JSONSchemaProps, given: Place, errors: FieldError[]): void {
  const { path } = given;
  const isResource = schema['x-kubernetes-embedded-resource'] === true;
  const place = isResource ? { path, ...resourcePlace(schema) } : given;
  if (schema.default !== undefined) append(errors, validateDefault(schema, schema.default, place));
  const items = itemsOf(schema);
  if (items) visit(items, { ...place, path: `${path}.items`, around: (value) => place.around([value]) }, errors);
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const around = (value: unknown) => place.around({ [key]: value });
    const inMeta = place.inMeta || (isResource && metaFields.has(key));
    visit(property, { ...place, path: `${path}.properties[${key}]`, around, inMeta }, errors);
  }
}

function validateDefault(schema: JSONSchemaProps, value: unknown, place: Place): FieldError[] {
  const path = `${place.path}.default`;
  const errors: FieldError[] = [];
  if (place.inMeta) {
    const found = validateEmbeddedResources(place.resource, place.around(value), '');
    const why = joinErrors(found.map(showError));
    if (found.length > 0) return [invalid(path, value, `must result in valid metadata: ${why}`)];
  } else {
    if (!jsonEqual(pruned(schema, value), value)) errors.push(invalid(path, value, 'must not have unknown fields'));
    const found = validateEmbeddedResources(schema, value, path);
    if (found.length > 0) return [...errors, ...found];
  }
  const found = validateValue(schema, value, path);
  if (found.length > 0) return [...errors, ...found];
  const rules = compileRules(schema, schema === place.resource);
  const asUpdate = rules(value, value, path);
  // What stands may be wrong by rules on the old value, what is new by those that take it as optional.
  return [...errors, ...(asUpdate.length > 0 ? asUpdate : rules(value, undefined, path))];
}

/** A value without the fields that its schema does not know, and would lose. */
function pruned(schema: JSONSchemaProps, value: unknown): unknown {
  const items = itemsOf(schema);
  if (Array.isArray(value)) return items ? value.map((item) => pruned(items, item)) : value;
  if (!isObject(value)) return value;
  const { properties = {} } = schema;
  const keepsAll = schema['x-kubernetes-preserve-unknown-fields'] || schema.additionalProperties === true;
  const keeps = (key: string) => keepsAll || (schema['x-kubernetes-embedded-resource'] && metaFields.has(key));
  const fields = Object.entries(value).flatMap(([key, below]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : valuesOf(schema);
    return known ? [[key, pruned(known, below)]] : keeps(key) ? [[key, below]] : [];
  });
  return Object.fromEntries(fields);
}
