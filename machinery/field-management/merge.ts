// The object that an apply asks for: the present one with everything that the applied configuration
// says, item by item where the schema has keys. Upstream: structured-merge-diff's TypedValue.Merge.
import { setKey } from '../json.ts';
import type { ListSchema } from '../schema.ts';
import { elementIfAny, elementOf, fieldSchema, isVoid, itemSchema, type MaybeSchema, shapeOf } from './element.ts';

/** `live` with `config` laid over it. Inputs stay as they are; the result shares parts with them. */
export function mergeFields(live: unknown, config: unknown, schema: MaybeSchema): unknown {
  if (config === undefined) return live;
  if (live === undefined) return config;
  const shape = shapeOf(schema, config);
  if (shape === 'whole' || (isVoid(config) && isVoidOf(live, schema))) return config;
  if (shapeOf(schema, live) !== shape) return config;
  if (shape === 'items') return mergeLists(live as unknown[] | null, config as unknown[] | null, schema as ListSchema);
  const out: Record<string, unknown> = {};
  const before = (live ?? {}) as Record<string, unknown>;
  const asked = (config ?? {}) as Record<string, unknown>;
  for (const name of Object.keys(before)) {
    const wanted = Object.hasOwn(asked, name) ? asked[name] : undefined;
    const merged = mergeFields(before[name], wanted, fieldSchema(schema, name));
    if (merged !== undefined) setKey(out, name, merged);
  }
  for (const name of Object.keys(asked)) {
    if (!Object.hasOwn(before, name) || before[name] === undefined) setKey(out, name, asked[name]);
  }
  return out;
}

const isVoidOf = (value: unknown, schema: MaybeSchema): boolean => shapeOf(schema, value) !== 'whole' && isVoid(value);

/**
 * Items that both lists have come in the order of the configuration; those of one list alone stay
 * where they stand among them. An item that the present list has twice is replaced by the one applied.
 */
function mergeLists(live: unknown[] | null, config: unknown[] | null, schema: ListSchema): unknown[] {
  const left = (live ?? []).map((item) => elementIfAny(item, schema));
  const right = (config ?? []).map((item) => elementOf(item, schema));
  const asked = new Map(right.map((element, i) => [element, config![i]]));
  const present = new Map<string, unknown>();
  for (const [i, element] of left.entries())
    if (element !== undefined) present.set(element, present.has(element) ? undefined : live![i]);
  const shared = right.filter((element) => present.has(element));
  const merged = new Set<string>();
  const out: unknown[] = [];
  const take = (element: string) => {
    merged.add(element);
    out.push(mergeFields(present.get(element), asked.get(element), itemSchema(schema)));
  };
  let next = 0;
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const element = left[l];
    const isShared = element !== undefined && asked.has(element);
    if (l < left.length && r < right.length) {
      if (element === right[r]) {
        take(right[r++]!);
        l++;
        next++;
        continue;
      }
      if (isShared && next < shared.length && shared[next] !== element) {
        l++; // another one's turn
        continue;
      }
    }
    if (l < left.length && !isShared) {
      out.push(live![l++]);
      continue;
    }
    if (l < left.length && merged.has(element!)) l++;
    if (r < right.length) {
      const wanted = right[r++]!;
      take(wanted);
      if (shared[next] === wanted) next++;
    }
  }
  return out;
}
