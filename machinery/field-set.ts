// Sets of field paths, as managedFields and server-side apply count them: which fields of an object
// exist, which differ between two objects, and the FieldsV1 form. A set is a tree; lists merge by
// key or value where the schema says so, everything atomic is one path. Upstream:
// structured-merge-diff's fieldpath and typed packages.
import { isObject, jsonEqual } from './json.ts';
import type { AnySchema, ListSchema } from './schema.ts';

/**
 * A node of the tree: `member` says that the path itself is in the set. Keys are FieldsV1 path
 * elements (`f:spec`, `k:{...}`).
 */
export interface FieldSet {
  member: boolean;
  children: Map<string, FieldSet>;
}

export const emptySet = (): FieldSet => ({ member: false, children: new Map() });

export function isEmptySet(set: FieldSet): boolean {
  if (set.member) return false;
  for (const child of set.children.values()) if (!isEmptySet(child)) return false;
  return true;
}

/** A path with nothing below it: one for all of them, since objects may have very many. Never changed. */
const leaf: FieldSet = { member: true, children: new Map() };

/** Every path of a value, the value's own path included. */
function fieldsOf(value: unknown, schema: AnySchema | undefined): FieldSet {
  if (typeof value !== 'object' || value === null) return leaf;
  const set = emptySet();
  set.member = true;
  const children = childrenOf(value, schema);
  if (children) for (const [key, child] of children) set.children.set(key, fieldsOf(child.value, child.schema));
  return set;
}

export interface FieldDiff {
  /** Paths that only `next` has, or that have another value there. */
  changed: FieldSet;
  /** Paths that only `old` has. */
  removed: FieldSet;
}

/** Compares two values of one schema. */
export function diffFields(old: unknown, next: unknown, schema: AnySchema | undefined): FieldDiff {
  const changed = emptySet();
  const removed = emptySet();
  compare(old, next, schema, { changed, removed });
  return { changed, removed };
}

function compare(old: unknown, next: unknown, schema: AnySchema | undefined, out: FieldDiff): void {
  const before = childrenOf(old ?? emptyLike(next), schema);
  const after = childrenOf(next ?? emptyLike(old), schema);
  if (!before || !after) {
    if (!jsonEqual(old ?? null, next ?? null)) out.changed.member = true;
    return;
  }
  for (const [key, child] of after) {
    const was = before.get(key);
    if (!was) out.changed.children.set(key, fieldsOf(child.value, child.schema));
    else compareChild(key, was.value, child, out);
  }
  for (const [key, child] of before) {
    if (!after.has(key)) out.removed.children.set(key, fieldsOf(child.value, child.schema));
  }
}

function compareChild(key: string, was: unknown, child: Child, out: FieldDiff): void {
  const inner = { changed: emptySet(), removed: emptySet() };
  compare(was, child.value, child.schema, inner);
  if (!isEmptySet(inner.changed)) out.changed.children.set(key, inner.changed);
  if (!isEmptySet(inner.removed)) out.removed.children.set(key, inner.removed);
}

const emptyLike = (value: unknown): unknown => (Array.isArray(value) ? [] : isObject(value) ? {} : undefined);

interface Child {
  value: unknown;
  schema: AnySchema | undefined;
}

/** The parts of a value that are counted apart, or null where the value is one path. */
function childrenOf(value: unknown, schema: AnySchema | undefined): Map<string, Child> | null {
  if (isObject(value)) {
    if (schema?.mapType === 'atomic' || schema?.type === 'any') return null;
    const out = new Map<string, Child>();
    for (const [k, v] of Object.entries(value)) {
      if (v === undefined || v === null) continue;
      const field = schema?.type === 'object' ? schema.fields[k] : schema?.type === 'map' ? schema.values : undefined;
      out.set(`f:${k}`, { value: v, schema: field });
    }
    return out;
  }
  if (!Array.isArray(value) || schema?.type !== 'list') return null;
  return listChildren(value, schema);
}

function listChildren(value: unknown[], schema: ListSchema): Map<string, Child> | null {
  const listType = schema.listType ?? 'atomic';
  if (listType === 'atomic') return null;
  const out = new Map<string, Child>();
  for (const item of value) {
    const key = listType === 'set' ? `v:${JSON.stringify(item)}` : listMapKey(item, schema);
    if (out.has(key)) return null;
    out.set(key, { value: item, schema: schema.items });
  }
  return out;
}

/** `k:{"containerPort":80,"protocol":"TCP"}`; a missing key counts as its default. */
function listMapKey(item: unknown, schema: ListSchema): string {
  const fields = schema.items.type === 'object' ? schema.items.fields : {};
  const key: Record<string, unknown> = {};
  for (const name of [...(schema.listMapKeys ?? [])].sort()) {
    const value = isObject(item) ? item[name] : undefined;
    const fallback = fields[name]?.default;
    if (value !== undefined) key[name] = value;
    else if (fallback !== undefined) key[name] = fallback;
  }
  return `k:${JSON.stringify(key)}`;
}

/** Paths in either set. */
export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  const out: FieldSet = { member: a.member || b.member, children: new Map(a.children) };
  for (const [key, child] of b.children) {
    const mine = out.children.get(key);
    out.children.set(key, mine ? unionSets(mine, child) : child);
  }
  return out;
}

/** Paths of `a` that are not in `b`. */
export function subtractSets(a: FieldSet, b: FieldSet): FieldSet {
  const out: FieldSet = { member: a.member && !b.member, children: new Map() };
  for (const [key, child] of a.children) {
    const other = b.children.get(key);
    const left = other ? subtractSets(child, other) : child;
    if (!isEmptySet(left)) out.children.set(key, left);
  }
  return out;
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return isEmptySet(subtractSets(a, b)) && isEmptySet(subtractSets(b, a));
}

/** The FieldsV1 form: `{"f:spec":{"f:replicas":{}}}`. */
export function toFieldsV1(set: FieldSet): Record<string, any> {
  const out: Record<string, any> = {};
  for (const key of [...set.children.keys()].sort()) {
    const child = set.children.get(key)!;
    if (isEmptySet(child)) continue;
    if (child === leaf) {
      out[key] = {};
      continue;
    }
    const inner = toFieldsV1(child);
    out[key] = child.member && Object.keys(inner).length > 0 ? { '.': {}, ...inner } : inner;
  }
  return out;
}

/** Reads FieldsV1 back. A leaf is a member; a node with children is one where it holds `.`. */
export function fromFieldsV1(fields: Record<string, any>): FieldSet {
  const set = emptySet();
  for (const [key, value] of Object.entries(fields)) {
    if (key === '.') continue;
    const { children } = fromFieldsV1(value ?? {});
    const member = children.size === 0 || Object.hasOwn(value, '.');
    set.children.set(key, children.size === 0 ? leaf : { member, children });
  }
  return set;
}

/** Whether a value has the form that fromFieldsV1 reads: objects all the way down. */
export function isFieldsV1(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isFieldsV1);
}
