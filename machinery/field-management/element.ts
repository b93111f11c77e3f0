// How a schema divides a value into parts that are owned apart: fields of objects, entries of maps,
// items of lists that are told apart by keys or by value. Everything else is one part. What no
// schema describes is divided as it comes: objects by field, lists not at all.
import { goJson } from '../go-json.ts';
import { isObject } from '../json.ts';
import type { AnySchema, ListSchema } from '../schema.ts';

/** `undefined` stands for what no schema describes. */
export type MaybeSchema = AnySchema | undefined;

/** `fields`: an object in parts; `items`: a list in parts; `whole`: one part. Null is an empty object or list. */
export function shapeOf(schema: MaybeSchema, value: unknown): 'fields' | 'items' | 'whole' {
  switch (schema?.type) {
    case 'object':
    case 'map':
      return schema.mapType !== 'atomic' && (value === null || isObject(value)) ? 'fields' : 'whole';
    case 'list':
      return isDivided(schema) && (value === null || Array.isArray(value)) ? 'items' : 'whole';
    case 'any':
      // A raw part of a built-in type is one; of a custom resource it is what it looks like.
      return schema.name === '' && (value === null || isObject(value)) ? 'fields' : 'whole';
    case undefined:
      return value === null || isObject(value) ? 'fields' : 'whole';
    default:
      return 'whole';
  }
}

export const isDivided = (schema: ListSchema): boolean => schema.listType === 'set' || schema.listType === 'map';

/** The schema of what is in field `name`. */
export function fieldSchema(schema: MaybeSchema, name: string): MaybeSchema {
  if (schema?.type === 'object') return Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
  return schema?.type === 'map' ? schema.values : undefined;
}

/** Whether the schema names the field: it is there by its type, where entries of maps are somebody's. */
export const isNamed = (schema: MaybeSchema, name: string): boolean =>
  schema?.type === 'object' && Object.hasOwn(schema.fields, name);

export const itemSchema = (schema: MaybeSchema): MaybeSchema => (schema?.type === 'list' ? schema.items : undefined);

/** The schema below a path element. */
export const schemaBelow = (schema: MaybeSchema, element: string): MaybeSchema =>
  element.startsWith('f:') ? fieldSchema(schema, element.slice(2)) : itemSchema(schema);

/** An item that has no place in its list. */
export class ElementError extends Error {}

/** The path element of an item: `v:"a"`, or `k:{"containerPort":80,"protocol":"TCP"}`, where a missing key is its default. */
export function elementOf(item: unknown, schema: ListSchema): string {
  const element = elementIfAny(item, schema);
  if (element === undefined) throw new ElementError(whyNone(item, schema));
  return element;
}

/** The same of an item of an object that is stored: it may be one that no list should have, and there may be very many. */
export function elementIfAny(item: unknown, { listType, listMapKeys = [], items }: ListSchema): string | undefined {
  if (listType === 'set') return typeof item === 'object' ? undefined : `v:${goJson(item)}`;
  if (!isObject(item)) return undefined;
  let text = '';
  for (const name of sortedKeys(listMapKeys)) {
    const value = item[name] === undefined ? keyDefault(fieldSchema(items, name)) : item[name];
    if (value !== undefined) text += `${text ? ',' : ''}${JSON.stringify(name)}:${goJson(value)}`;
  }
  return text ? `k:{${text}}` : undefined;
}

function whyNone(item: unknown, { listType, listMapKeys = [] }: ListSchema): string {
  if (listType === 'set') {
    if (item === null) return "associative list without keys has an element that's an explicit null";
    if (Array.isArray(item)) return 'not supported: associative list with lists as elements';
    return "associative list without keys has an element that's a map type";
  }
  if (item === null) return 'associative list with keys may not have a null element';
  if (!isObject(item)) return 'associative list with keys may not have non-map elements';
  const keys = listMapKeys.map((key) => JSON.stringify(key)).join(' ');
  return `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`;
}

const sortedCache = new WeakMap<readonly string[], readonly string[]>();

function sortedKeys(keys: readonly string[]): readonly string[] {
  if (keys.length < 2) return keys;
  let sorted = sortedCache.get(keys);
  if (!sorted) {
    sorted = [...keys].sort();
    sortedCache.set(keys, sorted);
  }
  return sorted;
}

function keyDefault(field: MaybeSchema): unknown {
  if (!field || field.default !== undefined || !field.always) return field?.default;
  return field.type === 'string' ? '' : field.type === 'integer' ? 0 : undefined;
}

/** Items by their elements; those that come twice are kept together. */
export function itemsByElement(list: readonly unknown[], schema: ListSchema): Map<string, unknown[]> {
  const out = new Map<string, unknown[]>();
  for (const item of list) {
    const element = elementIfAny(item, schema);
    if (element === undefined) continue;
    const known = out.get(element);
    if (known) known.push(item);
    else out.set(element, [item]);
  }
  return out;
}

/** An object or list without anything in it; null counts as both. */
export function isVoid(value: unknown): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value as object) if ((value as Record<string, unknown>)[key] !== undefined) return false;
  return true;
}
