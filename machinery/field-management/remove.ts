// Takes fields out of a value. Upstream: structured-merge-diff's TypedValue.RemoveItems.
import { setKey } from '../json.ts';
import type { ListSchema } from '../schema.ts';
import { elementIfAny, fieldSchema, isVoid, itemSchema, type MaybeSchema, shapeOf } from './element.ts';
import { type FieldSet, isEmptySet, isMember } from './set.ts';

/** `value` without the paths of `set`: a path goes with all that is below it, and what is empty then becomes null. */
export function removeFields(value: unknown, set: FieldSet, schema: MaybeSchema): unknown {
  const shape = shapeOf(schema, value);
  if (shape === 'whole') return typeof value === 'object' ? null : value;
  if (isVoid(value)) return null;
  if (shape === 'items') {
    const items = (value as unknown[]).flatMap((item) => {
      const kept = removeNode(item, set[elementIfAny(item, schema as ListSchema) ?? ''], itemSchema(schema));
      return kept === undefined ? [] : [kept];
    });
    return items.length > 0 ? items : null;
  }
  const out: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value as object)) {
    const kept = removeNode(child, set[`f:${name}`], fieldSchema(schema, name));
    if (kept !== undefined) setKey(out, name, kept);
  }
  return isVoid(out) ? null : out;
}

/** Undefined where the value goes itself. */
function removeNode(value: unknown, node: FieldSet | undefined, schema: MaybeSchema): unknown {
  if (node === undefined) return value;
  if (isMember(node)) return undefined;
  return isEmptySet(node) ? value : removeFields(value, node, schema);
}
