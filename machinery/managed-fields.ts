// managedFields: who set which fields. A stage of every write; create, update and patch are all of
// the operation Update.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
import {
  diffFields,
  emptySet,
  equalSets,
  type FieldSet,
  fromFieldsV1,
  isEmptySet,
  subtractSets,
  toFieldsV1,
  unionSets,
} from './field-set.ts';
import type { KubeObject, ManagedFieldsEntry } from './metadata.ts';
import type { ObjectSchema } from './schema.ts';

// Metadata that the server owns is never anybody's field.
const serverFields = [
  'name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion',
]; // biome-ignore format: one line

function isServerPath(): FieldSet {
  const all = (keys: string[]): FieldSet => ({
    member: false,
    children: new Map(keys.map((k) => [`f:${k}`, { member: true, children: new Map() }])),
  });
  const set = all(['apiVersion', 'kind']);
  const metadata = all(serverFields);
  metadata.member = true;
  set.children.set('f:metadata', metadata);
  return set;
}
const stripped = isServerPath();

export interface UpdateRecord {
  manager: string;
  apiVersion: string;
  subresource: string;
  /** RFC 3339. */
  time: string;
}

/** How many Update entries an object keeps; the oldest beyond are merged into one, as upstream does. */
const maxUpdateEntries = 10;

/**
 * The managedFields of `next` after an Update by `record.manager`. `old` is undefined on create.
 * `live` entries are those of `old`; a client that sends `managedFields: [{}]` or `[]` resets them.
 */
export function recordUpdate(
  schema: ObjectSchema,
  old: KubeObject | undefined,
  next: KubeObject,
  record: UpdateRecord,
): ManagedFieldsEntry[] {
  const live = old?.metadata.managedFields ?? [];
  const baseline = old ?? { metadata: {}, ...alwaysThere(schema) };
  const { changed, removed } = diffFields(baseline, next, schema);
  const mine = subtractSets(changed, stripped);
  const entries: { entry: ManagedFieldsEntry; set: FieldSet }[] = [];
  let own: FieldSet = emptySet();
  let ownEntry: ManagedFieldsEntry | undefined;
  for (const entry of live) {
    const set = subtractSets(fromFieldsV1(entry.fieldsV1 ?? {}), removed);
    if (isOwn(entry, record)) {
      own = set;
      ownEntry = entry;
      continue;
    }
    const left = subtractSets(set, mine);
    if (!isEmptySet(left)) entries.push({ entry: { ...entry, fieldsV1: toFieldsV1(left) }, set: left });
  }
  const total = unionSets(own, mine);
  const out = entries.map((e) => e.entry);
  if (!isEmptySet(total)) out.push(ownRecord(total, ownEntry, record));
  return capUpdates(sortEntries(out));
}

function isOwn(entry: ManagedFieldsEntry, record: UpdateRecord): boolean {
  return (
    entry.operation === 'Update' &&
    entry.manager === record.manager &&
    entry.apiVersion === record.apiVersion &&
    (entry.subresource ?? '') === record.subresource
  );
}

function ownRecord(total: FieldSet, before: ManagedFieldsEntry | undefined, record: UpdateRecord): ManagedFieldsEntry {
  const same = before?.fieldsV1 && equalSets(fromFieldsV1(before.fieldsV1), total);
  return {
    manager: record.manager,
    operation: 'Update',
    apiVersion: record.apiVersion,
    time: same && before.time ? before.time : record.time,
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(total),
    ...(record.subresource ? { subresource: record.subresource } : {}),
  };
}

/** Applies first, then by time, then by manager. */
function sortEntries(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const rank = (e: ManagedFieldsEntry) =>
    `${e.operation === 'Apply' ? 0 : 1}|${e.time ?? ''}|${e.manager ?? ''}|${e.subresource ?? ''}`;
  return entries.sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

function capUpdates(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const updates = entries.filter((e) => e.operation === 'Update');
  const surplus = updates.slice(0, Math.max(0, updates.length - maxUpdateEntries + 1));
  if (updates.length <= maxUpdateEntries) return entries;
  const merged = surplus.map((e) => fromFieldsV1(e.fieldsV1 ?? {})).reduce(unionSets, emptySet());
  const last = surplus[surplus.length - 1]!;
  const ancient: ManagedFieldsEntry = {
    manager: 'ancient-changes',
    operation: 'Update',
    apiVersion: last.apiVersion,
    time: last.time,
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(merged),
  };
  return sortEntries([...entries.filter((e) => !surplus.includes(e)), ancient]);
}

/** What an object of this type holds before anybody sets anything: its embedded structs. */
function alwaysThere(schema: ObjectSchema): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(schema.fields)) {
    if (!field.always) continue;
    if (field.type === 'object') out[key] = alwaysThere(field);
    else if (field.type === 'list') out[key] = [];
    else if (field.type === 'map') out[key] = {};
  }
  return out;
}
