// Strategic merge patch: a JSON merge patch whose lists merge by key where the schema says so, with
// directives of its own.
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and apimachinery's strategicpatch.
import { copyOf, isObject, setKey, writeJson } from './json.ts';
import type { AnySchema, ListSchema } from './schema.ts';
import type { Steps } from './steps.ts';

/** The patch itself is malformed; `code` is the HTTP status that upstream answers with. */
export class PatchError extends Error {
  readonly code: 400 | 422 | 500;

  constructor(message: string, code: 400 | 422 | 500 = 500) {
    super(message);
    this.code = code;
  }
}

type JsonObject = Record<string, unknown>;

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** The original with the patch applied by the rules of `schema`. Inputs stay as they are. Throws PatchError. */
export function* strategicMergeInSteps(original: unknown, patch: unknown, schema: AnySchema): Steps<unknown> {
  if (!isObject(patch)) return patch;
  return yield* mergeObjects(isObject(original) ? original : {}, patch, schema);
}

function fieldOf(schema: AnySchema | undefined, key: string): AnySchema | undefined {
  if (schema?.type === 'object') return Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
  return schema?.type === 'map' ? schema.values : undefined;
}

function* mergeObjects(original: JsonObject, patch: JsonObject, schema: AnySchema | undefined): Steps<JsonObject> {
  const directive = patch.$patch;
  if (directive !== undefined) {
    if (directive === 'delete') return {};
    const { $patch: _, ...rest } = patch;
    if (directive === 'replace') return withoutDirectives(rest) as JsonObject;
    if (directive !== 'merge')
      throw new PatchError(`unknown patch type: ${showGo(directive)} in map: ${showGo(patch)}`);
  }
  const out: JsonObject = retainedKeys(original, patch);
  yield;
  const elementOrders = new Map<string, unknown[]>();
  for (const key in patch) {
    if (!key.startsWith('$')) continue;
    if (key.startsWith(orderPrefix))
      elementOrders.set(key.slice(orderPrefix.length), asList(patch[key], 'setElementOrder list'));
    else if (key.startsWith(deletePrefix)) {
      const name = key.slice(deletePrefix.length);
      const gone = asList(patch[key], 'primitive list');
      if (Array.isArray(out[name])) out[name] = withoutAny(out[name] as unknown[], gone);
    }
  }
  for (const key in patch) {
    if (key.startsWith('$')) continue;
    const value = patch[key];
    if (value === null) {
      delete out[key];
      continue;
    }
    const isScalar = typeof value !== 'object';
    setKey(
      out,
      key,
      isScalar ? value : yield* mergeField(out[key], value, fieldOf(schema, key), elementOrders.get(key)),
    );
    elementOrders.delete(key);
  }
  // An order without a list in the patch rearranges what is there.
  for (const [key, order] of elementOrders) {
    const field = fieldOf(schema, key);
    const list = out[key];
    if (Array.isArray(list) && field?.type === 'list') out[key] = orderElements(list, list, order, field.patchMergeKey);
  }
  return out;
}

/** `$retainKeys` drops what it does not list; the patch may not set anything else. */
function retainedKeys(original: JsonObject, patch: JsonObject): JsonObject {
  const retain = patch.$retainKeys;
  if (retain === undefined) return copyOf(original);
  const kept = new Set(asList(retain, 'retainKeys'));
  for (const key of Object.keys(patch)) {
    if (!key.startsWith('$') && patch[key] !== null && !kept.has(key)) {
      throw new PatchError("patch content doesn't match retainKeys list", 422);
    }
  }
  return Object.fromEntries(Object.entries(original).filter(([k]) => kept.has(k)));
}

function asList(value: unknown, directive: string): unknown[] {
  if (!Array.isArray(value)) throw new PatchError(`invalid patch format of ${directive}`, 400);
  return value;
}

function* mergeField(
  original: unknown,
  patch: object,
  field: AnySchema | undefined,
  order: unknown[] | undefined,
): Steps<unknown> {
  const strategy = field?.patchStrategy ?? '';
  if (isObject(patch)) {
    if (!isObject(original)) return patch.$patch === 'delete' ? {} : withoutDirectives(patch);
    return strategy === 'replace' ? withoutDirectives(patch) : yield* mergeObjects(original, patch, field);
  }
  if (Array.isArray(patch)) {
    if (field?.type !== 'list' || !strategy.startsWith('merge')) return withoutDirectives(patch);
    // What is not there is not merged with: a list is taken as it is.
    if (original === undefined && !order) return withoutDirectives(patch.filter((x) => !isDeletion(x)));
    return yield* mergeLists(Array.isArray(original) ? original : [], patch, field, order);
  }
  return patch;
}

const isDeletion = (item: unknown) => isObject(item) && item.$patch === 'delete';

function* mergeLists(
  original: unknown[],
  patch: unknown[],
  field: ListSchema,
  order: unknown[] | undefined,
): Steps<unknown[]> {
  if (order) checkOrder(patch, order, field.patchMergeKey);
  const merged = field.patchMergeKey
    ? yield* mergeListByKey(original, patch, field, field.patchMergeKey)
    : [...original, ...withoutAny(patch, original)];
  yield;
  // Without an order of its own, what the patch names comes in the patch's order.
  return orderElements(merged, original, order ?? patch, field.patchMergeKey);
}

function* mergeListByKey(original: unknown[], patch: unknown[], field: ListSchema, mergeKey: string): Steps<unknown[]> {
  const items = patch.map((item) => {
    if (!isObject(item)) throw new PatchError(`patch of a list of objects holds ${writeJson(item)}`);
    return item;
  });
  if (items.some((i) => i.$patch === 'replace'))
    return items.filter((i) => i.$patch !== 'replace').map(withoutDirectives);
  // Lists may be long: places are looked up, not searched for.
  const out: unknown[] = [...original];
  const places = new Map<unknown, number[]>();
  const keep = (key: unknown, place: number) => {
    const known = places.get(key);
    if (known) known.push(place);
    else places.set(key, [place]);
  };
  for (const [i, o] of original.entries()) if (isObject(o)) keep(o[mergeKey], i);
  for (const item of items) {
    const key = item[mergeKey];
    if (key === undefined) {
      throw new PatchError(`map: ${showGo(item)} does not contain declared merge key: ${mergeKey}`);
    }
    const [at] = places.get(key) ?? [];
    if (item.$patch === 'delete') {
      for (const place of places.get(key) ?? []) out[place] = removed;
      places.delete(key);
    } else if (at === undefined) {
      keep(key, out.push(withoutDirectives(item)) - 1);
    } else {
      out[at] = yield* mergeObjects(out[at] as JsonObject, item, field.items);
    }
  }
  return out.filter((x) => x !== removed);
}

/** What is not to be deleted must be in the order, and follow it. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): void {
  const idOf = (x: unknown) => identityOf(mergeKey && isObject(x) ? x[mergeKey] : x);
  const named = patch.filter((x) => !(isObject(x) && x.$patch !== undefined));
  let next = 0;
  for (const one of order) if (next < named.length && idOf(named[next]) === idOf(one)) next++;
  if (order.length === 0 || next === named.length) return;
  throw new PatchError(
    `The order in patch list:\n${showGo(patch)}\n doesn't match $setElementOrder list:\n${showGo(order)}\n`,
  );
}

const removed = Symbol('removed');

/** The values of `list` that `other` does not have. */
function withoutAny(list: readonly unknown[], other: readonly unknown[]): unknown[] {
  const known = new Set(other.map(identityOf));
  return list.filter((x) => !known.has(identityOf(x)));
}

/** Equal for equal values: lists without a merge key hold scalars. */
const identityOf = (value: unknown): unknown => (typeof value === 'object' ? writeJson(value) : value);

/**
 * Elements named by `order` come in that order; the others (the server's own) keep their place
 * relative to them as it was in `before`.
 */
function orderElements(
  merged: unknown[],
  before: unknown[],
  order: unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const idOf = (x: unknown) => (mergeKey && isObject(x) ? x[mergeKey] : x);
  const rankIn = (list: unknown[]) => {
    const ranks = new Map<unknown, number>();
    for (const [i, y] of list.entries()) if (!ranks.has(identityOf(idOf(y)))) ranks.set(identityOf(idOf(y)), i);
    return (x: unknown) => ranks.get(identityOf(idOf(x))) ?? -1;
  };
  const orderRank = rankIn(order);
  const placeBefore = rankIn(before);
  const named = merged.filter((x) => orderRank(x) >= 0).sort((a, b) => orderRank(a) - orderRank(b));
  const own = merged.filter((x) => orderRank(x) < 0);
  const out: unknown[] = [];
  let i = 0;
  for (const x of own) {
    const place = placeBefore(x);
    while (i < named.length) {
      const other = placeBefore(named[i]);
      if (other >= 0 && place >= 0 && other > place) break;
      out.push(named[i++]);
    }
    out.push(x);
  }
  return [...out, ...named.slice(i)];
}

/** A value that is new to the object: directives mean nothing there and nulls are left out. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value
      .filter((x) => !(isObject(x) && x.$patch !== undefined && Object.keys(x).length === 1))
      .map(withoutDirectives);
  }
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const k in value) if (!k.startsWith('$') && value[k] !== null) setKey(out, k, withoutDirectives(value[k]));
  return out;
}

/** A value as Go prints it. */
export function showGo(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showGo).join(' ')}]`;
  if (!isObject(value)) return value === null ? '<nil>' : String(value);
  const keys = Object.keys(value).sort();
  return `map[${keys.map((k) => `${k}:${showGo(value[k])}`).join(' ')}]`;
}
