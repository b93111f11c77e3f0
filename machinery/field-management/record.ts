// managedFields after a create, update or patch: who writes owns what the write changes, and nobody
// owns what is gone. https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
import { decodeValue } from '../decode.ts';
import type { Kind } from '../kind.ts';
import type { KubeObject, ManagedFieldsEntry } from '../metadata.ts';
import type { ObjectSchema } from '../schema.ts';
import type { Steps } from '../steps.ts';
import { type Changes, compareFields } from './compare.ts';
import {
  capUpdaters,
  isReset,
  type Manager,
  type Managers,
  managerKey,
  readManagers,
  storedManagers,
  writeManagers,
} from './managers.ts';
import { emptySet, type FieldSet, isEmptySet, leaf, subtract, unite } from './set.ts';

/** Who writes, and how. */
export interface Writer {
  manager: string;
  /** The version that the request speaks. */
  apiVersion: string;
  subresource: string;
  /** RFC 3339; undefined: the entry keeps the time it has. */
  time: string | undefined;
}

/** An object before and after a write as one version shows it, without what no writer decides (see `decidedPart`). */
export interface View {
  schema: ObjectSchema;
  old: object;
  next: object;
}

/** The views of a write by version; undefined for one that is no longer served. */
type Views = (apiVersion: string) => View | undefined;

// What belongs to nobody: identity, and what the server counts.
const serverFields = [
  'name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion',
]; // biome-ignore format: one line
const nobodys: FieldSet = {
  'f:apiVersion': leaf,
  'f:kind': leaf,
  'f:metadata': { '.': leaf, ...Object.fromEntries(serverFields.map((name) => [`f:${name}`, leaf])) },
};

/** The set without what belongs to nobody. */
export const ownable = (set: FieldSet): FieldSet => subtract(set, nobodys);

/** What a write to this place decides: the kind's other part - status, or everything else - stays as it was. */
export function decidedPart(
  object: KubeObject,
  part: { hasStatus: boolean; subresource: string; statusKeeps: NonNullable<Kind['statusKeeps']> },
) {
  const { status, metadata: all, ...rest } = object;
  // A configuration may have none.
  const { managedFields: _, ...metadata } = all ?? {};
  const kept = all === undefined ? {} : { metadata };
  if (part.subresource === 'status' && part.hasStatus) {
    for (const key of part.statusKeeps) delete metadata[key];
    return status === undefined ? kept : { ...kept, status };
  }
  return { ...rest, ...kept, ...(part.hasStatus || status === undefined ? {} : { status }) };
}

const blankCache = new WeakMap<ObjectSchema, object>();

/** An object of the type in which nobody has set anything: what its encoding never leaves out. */
export function blankOf(schema: ObjectSchema): KubeObject {
  let blank = blankCache.get(schema);
  if (!blank) {
    blank = decodeValue(schema, {}, { defaults: false }).value as object;
    blankCache.set(schema, blank);
  }
  return { metadata: {}, ...blank };
}

interface UpdateRecord {
  writer: Writer;
  views: Views;
  /** What the object that was there says, and what the new one says; a subresource cannot say anything. */
  stored: ManagedFieldsEntry[] | undefined;
  sent: ManagedFieldsEntry[] | undefined;
  isCreate: boolean;
}

/** The entries after an update; none where nobody manages the object. */
export function* recordUpdate(update: UpdateRecord): Steps<ManagedFieldsEntry[]> {
  const managers = yield* managersBefore(update);
  yield;
  // Of an object that nobody managed so far nothing is known that would help an applier.
  if (managers.size === 0 && !update.isCreate) return [];
  return writeManagers(yield* updateManagers(managers, update.views, update.writer));
}

/** The entries that a write goes on from: those it sends, so that they can be mended by hand, or else the stored ones. */
function* managersBefore({ writer, stored = [], sent, isCreate }: UpdateRecord): Steps<Managers> {
  const before = () => storedManagers(stored) ?? new Map();
  if (writer.subresource !== '' && !isCreate) return before();
  if (isReset(sent)) return new Map();
  if (!sent) return before();
  const read = yield* readManagers(sent, stored);
  return read && read.size > 0 ? read : before();
}

/** Changes the managers by what differs between old and new. */
export function* updateManagers(managers: Managers, views: Views, writer: Writer): Steps<Managers> {
  const changesIn = changesByVersion(views);
  const mine = changesIn(writer.apiVersion) ?? { changed: emptySet, removed: emptySet };
  yield;
  const won = ownable(mine.changed);
  const self = { ...writer, operation: 'Update' } as const;
  const own = managerKey(self);
  for (const [key, manager] of managers) {
    const changes = changesIn(manager.apiVersion);
    if (!changes) managers.delete(key);
    // What the writer had already stays where it is.
    else lose(managers, key, manager, key === own ? { ...changes, changed: subtract(changes.changed, won) } : changes);
    yield;
  }
  if (!isEmptySet(won)) {
    const before = managers.get(own);
    const time = writer.time ?? before?.time;
    managers.set(own, { ...self, time, fields: unite(before?.fields ?? emptySet, won) });
  }
  capUpdaters(managers);
  return managers;
}

/** Takes from a manager what another one changed, and what is gone. */
export function lose(managers: Managers, key: string, manager: Manager, { changed, removed }: Changes): void {
  const fields = subtract(subtract(manager.fields, changed), removed);
  if (isEmptySet(fields)) managers.delete(key);
  else if (fields !== manager.fields) managers.set(key, { ...manager, fields });
}

/** What differs by version, compared once for each. */
export function changesByVersion(views: Views): (apiVersion: string) => Changes | undefined {
  const known = new Map<string, Changes | undefined>();
  return (apiVersion) => {
    if (!known.has(apiVersion)) {
      const view = views(apiVersion);
      known.set(apiVersion, view && compareFields(view.old, view.next, view.schema));
    }
    return known.get(apiVersion);
  };
}
