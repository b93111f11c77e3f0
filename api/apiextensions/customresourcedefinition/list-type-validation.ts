// How appliers share lists and objects of a custom resource: atomic, set, map and granular.
import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { validateOptionalWord } from '../../meta/checks.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { itemsOf } from './schema-walk.ts';

export function validateMapType(schema: JSONSchemaProps, path: string): FieldError[] {
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return [];
  return [
    ...validateTypeFor(schema, 'object', 'x-kubernetes-map-type', path),
    ...validateOptionalWord(mapType, ['atomic', 'granular'], `${path}.x-kubernetes-map-type`),
  ];
}

function validateTypeFor(schema: JSONSchemaProps, type: string, extension: string, path: string): FieldError[] {
  if (schema.type === type) return [];
  const why = `must be ${type} if ${extension} is specified`;
  return [schema.type ? invalid(`${path}.type`, schema.type, why) : required(`${path}.type`, why)];
}

export function validateListType(schema: JSONSchemaProps, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const field = `${path}.x-kubernetes-list-type`;
  const errors: FieldError[] = [];
  if (listType !== undefined) {
    const wrong = validateTypeFor(schema, 'array', 'x-kubernetes-list-type', path);
    append(errors, wrong);
    if (wrong.length === 0 && listType === 'set') append(errors, validateSetItems(schema, path));
    append(errors, validateOptionalWord(listType, ['atomic', 'set', 'map'], field));
  }
  if (keys.length > 0 && listType !== 'map') {
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? required(field, why) : invalid(field, listType, why));
  }
  if (listType === 'map') append(errors, validateMapItems(schema, keys, path));
  append(errors, validateItemsPresence(schema, keys, path));
  return errors;
}

function validateSetItems(schema: JSONSchemaProps, path: string): FieldError[] {
  const items = itemsOf(schema);
  const listType = items?.['x-kubernetes-list-type'];
  const mapType = items?.['x-kubernetes-map-type'];
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  if (items?.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [invalid(`${path}.items.x-kubernetes-list-type`, listType, why)];
  }
  if (items?.type === 'object' && mapType !== 'atomic') {
    return [invalid(`${path}.items.x-kubernetes-map-type`, listType, why)];
  }
  return [];
}

function validateMapItems(schema: JSONSchemaProps, keys: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) errors.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  const items = itemsOf(schema);
  if (!items) {
    const field = `${path}.items`;
    if (schema.items === undefined) {
      errors.push(required(field, 'must have a schema if x-kubernetes-list-type is map'));
    } else {
      errors.push(invalid(field, schema.items, 'must only have a single schema if x-kubernetes-list-type is map'));
    }
    return errors;
  }
  if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalid(`${path}.items.type`, items.type ?? '', why)];
  }
  const seen = new Set<string>();
  for (const key of keys) {
    const field = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
    if (!field) errors.push(invalid(keysPath, keys, 'entries must all be names of item properties'));
    else if (field.type === 'array' || field.type === 'object') {
      const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(`${path}.items.properties[${key}].type`, items.type, why));
    }
    if (seen.has(key)) errors.push(invalid(keysPath, keys, 'must not contain duplicate entries'));
    seen.add(key);
  }
  return errors;
}

/** Items of sets and maps are there, and so are the keys of a map's. */
function validateItemsPresence(schema: JSONSchemaProps, keys: readonly string[], path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const items = itemsOf(schema);
  if (!items || (listType !== 'set' && listType !== 'map')) return [];
  const errors: FieldError[] = [];
  if (items.nullable) {
    errors.push(forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  }
  if (listType === 'set') return errors;
  const wanted = new Set(items.required);
  for (const key of keys) {
    const field = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
    if (!field) continue;
    const at = `${path}.items.properties[${key}]`;
    const why = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!wanted.has(key) && field.default === undefined) {
      errors.push(required(`${at}.default`, `${why} must have a default or be a required property`));
    }
    if (field.nullable) errors.push(forbidden(`${at}.nullable`, `${why} cannot be nullable`));
  }
  return errors;
}
