// The fields that a value sets: what an applier comes to own by sending it. A field that its type
// names counts by what is in it; an entry of a map and an item of a list count themselves.
// Upstream: structured-merge-diff's TypedValue.ToFieldSet.
import { isObject } from '../json.ts';
import type { ListSchema } from '../schema.ts';
import {
  fieldSchema,
  isNamed,
  isVoid,
  itemSchema,
  itemsByElement,
  type MaybeSchema,
  schemaBelow,
  shapeOf,
} from './element.ts';
import { emptySet, type FieldSet, isEmptySet, leaf, nodeOf, withMember } from './set.ts';

/** The fields of an object, in no order. */
export function fieldsOf(value: unknown, schema: MaybeSchema): FieldSet {
  const shape = shapeOf(schema, value);
  if (shape === 'whole') return emptySet;
  const out: Record<string, FieldSet> = {};
  if (shape === 'items') {
    for (const [element, items] of itemsByElement((value ?? []) as unknown[], schema as ListSchema))
      out[element] = items.length > 1 ? leaf : withMember(fieldsOf(items[0], itemSchema(schema)));
    return out;
  }
  const object = (value ?? {}) as Record<string, unknown>;
  // In their order from the start: there may be very many.
  for (const name of Object.keys(object).sort()) {
    const child = object[name];
    if (child === undefined) continue;
    const below = fieldSchema(schema, name);
    if (shapeOf(below, child) === 'whole') {
      out[`f:${name}`] = leaf;
      continue;
    }
    const isOwn = !isNamed(schema, name) || child === null || (isObject(child) && isVoid(child));
    const node = nodeOf(isOwn, fieldsOf(child, below));
    if (node) out[`f:${name}`] = node;
  }
  return out;
}

/** The set with the named fields on the way to its paths, which go when nothing is left in them. */
export function withNamedFields(set: FieldSet, schema: MaybeSchema): FieldSet {
  const out: Record<string, FieldSet> = {};
  for (const element in set) {
    const node = set[element]!;
    if (element === '.' || isEmptySet(node)) {
      out[element] = node;
      continue;
    }
    const below = withNamedFields(node, schemaBelow(schema, element));
    const isNamedField = element.startsWith('f:') && isNamed(schema, element.slice(2));
    out[element] = isNamedField ? withMember(below) : below;
  }
  return out;
}
