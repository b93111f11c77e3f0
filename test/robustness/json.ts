// The two patch formats again, as their RFCs say and as short as they can be: what the API server is held against may
// not be its own code. RFC 7386 (merge patch), RFC 6902 (JSON patch: what the traffic sends of it).
import { canonicalJson, cloneJson, isObject, jsonEqual } from '../../machinery/json.ts';
import type { JsonPatchOperation } from './history.ts';

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** Undefined where an operation cannot be carried out. Paths lead through objects alone. */
export function jsonPatch(target: unknown, operations: readonly JsonPatchOperation[]): unknown {
  const patched = cloneJson(target);
  for (const { op, path, value } of operations) {
    const steps = path.slice(1).split('/');
    const last = steps.pop()!;
    let parent = patched;
    for (const step of steps) parent = isObject(parent) ? parent[step] : undefined;
    if (!isObject(parent)) return undefined;
    const isThere = Object.hasOwn(parent, last);
    if (op !== 'add' && !isThere) return undefined;
    if (op === 'test' && !jsonEqual(parent[last], value)) return undefined;
    if (op === 'remove') delete parent[last];
    else if (op !== 'test') parent[last] = value;
  }
  return patched;
}

/** Whether everything in `part` is in `whole`: of objects their fields, of lists each element in its place. */
export function isWithin(part: unknown, whole: unknown): boolean {
  if (Array.isArray(part)) return Array.isArray(whole) && part.every((x, i) => isWithin(x, whole[i]));
  if (!isObject(part)) return jsonEqual(part, whole);
  return isObject(whole) && Object.entries(part).every(([key, value]) => isWithin(value, whole[key]));
}

const known = new WeakMap<object, string>();

/**
 * A text of what of an object its writers decide: without its version and the managers of its fields, and of the time
 * of deletion only that there is one.
 */
export function contentOf(object: any): string {
  let text = known.get(object);
  if (text === undefined) {
    const { resourceVersion: _v, managedFields: _m, deletionTimestamp, ...metadata } = object.metadata;
    if (deletionTimestamp) metadata.deletionTimestamp = 'set';
    for (const field of ['labels', 'annotations', 'finalizers'])
      if (Object.keys(metadata[field] ?? {}).length === 0) delete metadata[field];
    const { data = {}, ...rest } = object;
    text = canonicalJson({ ...rest, data, metadata });
    known.set(object, text);
  }
  return text;
}
