// The managers of an object: its managedFields entries by who they are of. Entries that a write does
// not touch are passed on as they are. Upstream: apimachinery's util/managedfields.
import type { ManagedFieldsEntry } from '../metadata.ts';
import { finish, type Steps } from '../steps.ts';
import { readFieldSetLike } from './read-set.ts';
import { emptySet, type FieldSet, isEmptySet, uniteAll } from './set.ts';

export interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  /** The version that the fields are named in. */
  apiVersion: string;
  subresource: string;
  /** RFC 3339; absent where the manager never changed anything. */
  time: string | undefined;
  fields: FieldSet;
  /** The entry that it was read from. */
  entry?: ManagedFieldsEntry;
}

export type Managers = Map<string, Manager>;

/** What tells managers apart: an applier is the same in every version. Sorts as upstream's identifiers do. */
export function managerKey(m: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>): string {
  return JSON.stringify({
    ...(m.manager ? { manager: m.manager } : {}),
    operation: m.operation,
    ...(m.operation === 'Update' ? { apiVersion: m.apiVersion } : {}),
    ...(m.subresource ? { subresource: m.subresource } : {}),
  });
}

/** Reads entries; undefined where one of them is none. `known` are those of the stored object. */
export function* readManagers(
  entries: readonly ManagedFieldsEntry[],
  known: readonly ManagedFieldsEntry[] = [],
): Steps<Managers | undefined> {
  const out: Managers = new Map();
  for (const [i, entry] of entries.entries()) {
    const { manager = '', operation, apiVersion, subresource = '', time, fieldsType, fieldsV1 } = entry;
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1') return undefined;
    const fields = readFieldSetLike(known === entries ? fieldsV1 : known[i]?.fieldsV1, fieldsV1);
    if (!fields) return undefined;
    const read = { manager, operation, apiVersion, subresource, time, fields } as const;
    out.set(managerKey(read), { ...read, ...(fields === fieldsV1 ? { entry } : {}) });
    yield;
  }
  return out;
}

/** The managers of an object as it is stored. */
export const storedManagers = (entries: readonly ManagedFieldsEntry[] = []): Managers | undefined =>
  finish(readManagers(entries, entries));

/** A client that sends an empty list, or one empty entry, wants nobody to manage anything. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (!entries) return false;
  return entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0);
}

/** The entries of managers: appliers first, then by time and name. Managers without fields have none. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()]
    .filter(({ fields }) => !isEmptySet(fields))
    .sort(compareManagers)
    .map(writeEntry);
}

function writeEntry(m: Manager): ManagedFieldsEntry {
  const { entry } = m;
  const isSame = entry && m.fields === entry.fieldsV1 && m.time === entry.time && m.apiVersion === entry.apiVersion;
  if (isSame) return entry;
  return {
    ...(m.manager ? { manager: m.manager } : {}),
    operation: m.operation,
    apiVersion: m.apiVersion,
    ...(m.time ? { time: m.time } : {}),
    fieldsType: 'FieldsV1',
    fieldsV1: m.fields,
    ...(m.subresource ? { subresource: m.subresource } : {}),
  };
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
/** Times are canonical, and sort as texts. */
const compareTimes = (a: Manager, b: Manager) => compareText(a.time ?? '', b.time ?? '');

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    compareTimes(a, b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** How many updaters an object keeps. */
const maxUpdaters = 10;
const ancient = 'ancient-changes';

/** Beyond ten updaters the oldest of each version become one, until there are few enough. */
export function capUpdaters(managers: Managers): void {
  const updaters = [...managers].filter(([, m]) => m.operation === 'Update');
  if (updaters.length <= maxUpdaters) return;
  updaters.sort(([a, x], [b, y]) => compareTimes(x, y) || compareText(a, b));
  const firsts = new Map<string, string>();
  const joined = new Map<string, FieldSet[]>();
  let count = updaters.length;
  for (const [key, manager] of updaters) {
    if (count <= maxUpdaters) break;
    const { apiVersion } = manager;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, key);
      continue;
    }
    const bucket = { manager: ancient, operation: 'Update', apiVersion, subresource: '' } as const;
    const bucketKey = managerKey(bucket);
    const before = managers.get(bucketKey) ?? managers.get(first)!;
    if (!managers.has(bucketKey)) managers.delete(first);
    managers.delete(key);
    managers.set(bucketKey, { ...bucket, time: manager.time, fields: emptySet });
    const sets = joined.get(bucketKey) ?? [before.fields];
    sets.push(manager.fields);
    joined.set(bucketKey, sets);
    count--;
  }
  for (const [key, sets] of joined) managers.get(key)!.fields = uniteAll(sets);
}
