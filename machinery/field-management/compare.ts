// Which fields differ between two values of one schema. One walk over both, which makes nothing
// where nothing differs. Upstream: structured-merge-diff's typed comparison.
import { isObject, jsonEqual } from '../json.ts';
import type { ListSchema } from '../schema.ts';
import { fieldSchema, isVoid, itemSchema, itemsByElement, type MaybeSchema, shapeOf } from './element.ts';
import { emptySet, type FieldSet, leaf } from './set.ts';

export interface Changes {
  /** Paths that only `next` has, or that have another value there. Not in order. */
  changed: FieldSet;
  /** Paths that only `old` has. */
  removed: FieldSet;
}

interface Difference {
  changed: FieldSet | undefined;
  removed: FieldSet | undefined;
}

/** Compares two objects. */
export function compareFields(old: object, next: object, schema: MaybeSchema): Changes {
  const { changed = emptySet, removed = emptySet } = compare(old, next, schema) ?? {};
  return { changed, removed };
}

/** Both values are there, and may be null. Undefined: they are the same. */
function compare(old: unknown, next: unknown, schema: MaybeSchema): Difference | undefined {
  if (old === next) return undefined;
  const before = shapeOf(schema, old);
  const after = shapeOf(schema, next);
  if (before === 'whole' && after === 'whole') {
    return jsonEqual(old, next) ? undefined : { changed: leaf, removed: undefined };
  }
  if (isVoidShape(old, before) && isVoidShape(next, after)) {
    return (old === null) === (next === null) ? undefined : { changed: leaf, removed: undefined };
  }
  const out = new Differences();
  if (before === 'items' || after === 'items') {
    compareLists(listOf(old), listOf(next), schema as ListSchema, out);
    return out.result();
  }
  // A value that changes from one kind to the other is changed itself, and all that is in it comes or goes.
  if (before !== after) out.isChanged = true;
  compareObjects(before === 'fields' ? old : null, after === 'fields' ? next : null, schema, out);
  return out.result();
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isVoidShape = (value: unknown, shape: string): boolean => shape !== 'whole' && isVoid(value);

class Differences {
  isChanged = false;
  #changed: Record<string, FieldSet> | undefined;
  #removed: Record<string, FieldSet> | undefined;

  add(element: string, node: FieldSet): void {
    this.#changed ??= {};
    this.#changed[element] = node;
  }

  remove(element: string, node: FieldSet): void {
    this.#removed ??= {};
    this.#removed[element] = node;
  }

  /** What differs between two values of one element; undefined is one that is not there. */
  compare(element: string, values: { old: unknown; next: unknown }, schema: MaybeSchema): void {
    const { old, next } = values;
    if (old === undefined && next === undefined) return;
    if (old === undefined) this.add(element, wholeOf(next, schema));
    else if (next === undefined) this.remove(element, wholeOf(old, schema));
    else {
      const found = compare(old, next, schema);
      if (found?.changed) this.add(element, found.changed);
      if (found?.removed) this.remove(element, found.removed);
    }
  }

  result(): Difference | undefined {
    if (!this.isChanged && !this.#changed && !this.#removed) return undefined;
    const changed = this.isChanged ? { '.': leaf, ...this.#changed } : this.#changed;
    return { changed: this.isChanged && !this.#changed ? leaf : changed, removed: this.#removed };
  }
}

function compareObjects(old: unknown, next: unknown, schema: MaybeSchema, out: Differences): void {
  const a = (old ?? {}) as Record<string, unknown>;
  const b = (next ?? {}) as Record<string, unknown>;
  for (const name in b) {
    if (a[name] !== b[name]) out.compare(`f:${name}`, { old: own(a, name), next: b[name] }, fieldSchema(schema, name));
  }
  for (const name in a) {
    if (own(b, name) === undefined)
      out.compare(`f:${name}`, { old: a[name], next: undefined }, fieldSchema(schema, name));
  }
}

const own = (object: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined;

function compareLists(old: unknown[], next: unknown[], schema: ListSchema, out: Differences): void {
  if (jsonEqual(old, next)) return;
  const before = itemsByElement(old, schema);
  const after = itemsByElement(next, schema);
  const item = itemSchema(schema);
  for (const [element, now] of after) {
    const was = before.get(element) ?? [];
    if (was.length <= 1 && now.length <= 1) out.compare(element, { old: was[0], next: now[0] }, item);
    else compareDoubles(element, { was, now }, item, out);
  }
  for (const [element, was] of before) {
    if (after.has(element)) continue;
    if (was.length === 1) out.compare(element, { old: was[0], next: undefined }, item);
    else out.remove(element, leaf);
  }
}

/** Items that come twice are one part: nobody could tell whose they are. */
function compareDoubles(
  element: string,
  { was, now }: { was: unknown[]; now: unknown[] },
  schema: MaybeSchema,
  out: Differences,
): void {
  if (was.length >= 2 && now.length >= 2) {
    if (!jsonEqual(was, now)) out.add(element, leaf);
    return;
  }
  if (now.length >= 2) {
    if (was.length === 1) out.compare(element, { old: was[0], next: undefined }, schema);
    out.add(element, leaf);
    return;
  }
  out.compare(element, { old: undefined, next: now[0] }, schema);
  out.remove(element, leaf);
}

/** Every path of a value that comes or goes as a whole, its own included. */
function wholeOf(value: unknown, schema: MaybeSchema): FieldSet {
  const shape = shapeOf(schema, value);
  if (shape === 'whole' || value === null) return leaf;
  const out: Record<string, FieldSet> = { '.': leaf };
  if (shape === 'items') {
    if ((value as unknown[]).length === 0) return leaf;
    for (const [element, items] of itemsByElement(value as unknown[], schema as ListSchema))
      out[element] = items.length > 1 ? leaf : wholeOf(items[0], itemSchema(schema));
    return out;
  }
  if (!isObject(value)) return leaf;
  // In their order from the start, and asked once for its keys: there may be very many.
  const names = Object.keys(value).sort();
  if (names.every((name) => value[name] === undefined)) return leaf;
  for (const name of names)
    if (value[name] !== undefined) out[`f:${name}`] = wholeOf(value[name], fieldSchema(schema, name));
  return out;
}
