// Server-side apply: an applier says which fields it wants and how. They are laid over the object,
// what it wanted before and nobody else wants goes, and fields that others have otherwise are conflicts.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/ and structured-merge-diff's merge.Updater.
import { jsonEqual } from '../json.ts';
import type { KubeObject, ManagedFieldsEntry } from '../metadata.ts';
import type { ObjectSchema } from '../schema.ts';
import { compareFields } from './compare.ts';
import { fieldsOf, withNamedFields } from './fields-of.ts';
import { type Manager, type Managers, managerKey, storedManagers, writeManagers } from './managers.ts';
import { mergeFields } from './merge.ts';
import { blankOf, changesByVersion, lose, ownable, updateManagers, type View, type Writer } from './record.ts';
import { removeFields } from './remove.ts';
import {
  emptySet,
  equalSets,
  type FieldSet,
  inOrderThroughout,
  intersect,
  isEmptySet,
  pathsOf,
  subtract,
  unite,
} from './set.ts';

/** How objects of a kind change versions. */
export interface Versions {
  /** Undefined for a version that is not served. */
  schemaOf(apiVersion: string): ObjectSchema | undefined;
  convert(object: KubeObject, apiVersion: string): KubeObject | Promise<KubeObject>;
  /** What a write to this place decides of an object. */
  decided(object: KubeObject): object;
}

export interface Application {
  /** The object as it is, in the version of the request; a blank one where there is none. */
  live: KubeObject;
  /** What the applier wants, checked, in the same version. */
  config: KubeObject;
  writer: Writer;
  force: boolean;
  versions: Versions;
  /** Of a large object: lets others have their turn. */
  pause?: (() => Promise<void>) | undefined;
}

export interface Applied {
  /** Not decoded: fields may be null, defaults are not filled in. Undefined where the object is as it should be. */
  object: KubeObject | undefined;
  managedFields: ManagedFieldsEntry[];
}

/** Fields that another manager has with another value. */
export interface Conflict {
  manager: Manager;
  paths: string[];
  fields: FieldSet;
}

export class ConflictError extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(describeConflicts(conflicts));
    this.conflicts = conflicts;
  }
}

/** The managedFields of the stored object say nothing that could be read. */
export class UnreadableManagersError extends Error {}

/** Who had the fields of an object that nobody managed when it was applied to for the first time. */
const firstManager = 'before-first-apply';

export async function applyFields(application: Application): Promise<Applied> {
  const { config, writer, force, versions, pause } = application;
  const { managedFields, ...metadata } = application.live.metadata;
  const live: KubeObject = { ...application.live, metadata };
  const schema = schemaOf(versions, writer.apiVersion);
  const managers = storedManagers(managedFields);
  if (!managers) throw new UnreadableManagersError('failed to decode managed fields');
  for (const [key, { apiVersion }] of managers) if (!versions.schemaOf(apiVersion)) managers.delete(key);
  if (managers.size === 0) await adopt(managers, live, schema, application);
  const self = { ...writer, operation: 'Apply' } as const;
  const key = managerKey(self);
  const last = managers.get(key);
  const wanted = fieldsOf(versions.decided(config), schema);
  await pause?.();
  const fields = inOrderThroughout(wanted);
  managers.set(key, { ...self, time: last?.time, fields });
  await pause?.();
  const merged = mergeFields(live, config, schema) as KubeObject;
  await pause?.();
  const next = last ? await prune(merged, { last, managers, versions, to: writer.apiVersion, pause }) : merged;
  await pause?.();
  await settle(managers, key, { live, next, schema, versions, force, pause });
  await pause?.();
  const isSame = jsonEqual(next, live);
  await pause?.();
  const kept = ownable(managers.get(key)!.fields);
  const before = last && equalSets(last.fields, kept) ? last.fields : kept;
  managers.set(key, {
    ...managers.get(key)!,
    fields: before,
    time: isSame ? last?.time : writer.time,
    ...(last?.entry ? { entry: last.entry } : {}),
  });
  return { object: isSame ? undefined : next, managedFields: writeManagers(managers) };
}

function schemaOf(versions: Versions, apiVersion: string): ObjectSchema {
  const schema = versions.schemaOf(apiVersion);
  if (!schema) throw new Error(`version ${apiVersion} is not served`);
  return schema;
}

/** What an unmanaged object has is somebody's, so that a first apply meets conflicts. */
async function adopt(
  managers: Managers,
  live: KubeObject,
  schema: ObjectSchema,
  { writer, versions, pause }: Application,
): Promise<void> {
  const view: View = { schema, old: versions.decided(blankOf(schema)), next: versions.decided(live) };
  const views = (apiVersion: string) => (apiVersion === writer.apiVersion ? view : undefined);
  for (const _ of updateManagers(managers, views, { ...writer, manager: firstManager })) await pause?.();
  await pause?.();
}

interface Pruning {
  last: Manager;
  managers: Managers;
  versions: Versions;
  /** The version that the result is wanted in. */
  to: string;
  pause: Application['pause'];
}

/** Takes out what the applier wanted the last time and nobody wants now. */
async function prune(merged: KubeObject, { last, managers, versions, to, pause }: Pruning): Promise<KubeObject> {
  const schema = versions.schemaOf(last.apiVersion);
  if (isEmptySet(last.fields) || !schema) return merged;
  const convert = async (object: KubeObject, from: string, into: string) =>
    from === into ? object : await versions.convert(object, into);
  // Each of these goes over all fields of a large object.
  const step = async <T>(value: T | Promise<T>): Promise<T> => {
    const done = await value;
    await pause?.();
    return done;
  };
  const named = async (object: KubeObject, of: ObjectSchema) =>
    step(withNamedFields(await step(fieldsOf(object, of)), of));
  const without = async (object: KubeObject, set: FieldSet, of: ObjectSchema) =>
    step(asObject(removeFields(object, set, of)));
  const base = await step(convert(merged, to, last.apiVersion));
  const had = await step(withNamedFields(last.fields, schema));
  let pruned = await without(base, had, schema);
  for (const [apiVersion, managed] of await step(managedByVersion(managers, last.apiVersion))) {
    const itsSchema = versions.schemaOf(apiVersion);
    if (!itsSchema) continue;
    const whole = await step(convert(base, last.apiVersion, apiVersion));
    const left = await named(await step(convert(pruned, last.apiVersion, apiVersion)), itsSchema);
    const stays = await step(unite(left, await step(withNamedFields(managed, itsSchema))));
    const gone = await step(subtract(await named(whole, itsSchema), stays));
    pruned = await step(convert(await without(whole, gone, itsSchema), apiVersion, last.apiVersion));
  }
  // Only what the applier had can go by its hand.
  const lost = await step(subtract(await named(base, schema), await named(pruned, schema)));
  const gone = await step(intersect(lost, had));
  return convert(await without(base, gone, schema), last.apiVersion, to);
}

const asObject = (value: unknown): KubeObject => (value ?? { metadata: {} }) as KubeObject;

/** What managers want, by version; `first` comes first, so that a conversion finds what it needs. */
function managedByVersion(managers: Managers, first: string): [string, FieldSet][] {
  const sets = new Map<string, FieldSet>();
  for (const { apiVersion, fields } of managers.values())
    sets.set(apiVersion, unite(sets.get(apiVersion) ?? emptySet, fields));
  return [...sets].sort(([a], [b]) => Number(b === first) - Number(a === first));
}

interface Settlement {
  live: KubeObject;
  next: KubeObject;
  schema: ObjectSchema;
  versions: Versions;
  force: boolean;
  pause: Application['pause'];
}

/** Meets the other managers: they lose what is gone, and what the applier changes, where it may. */
async function settle(
  managers: Managers,
  own: string,
  { live, next, schema, versions, force, pause }: Settlement,
): Promise<void> {
  const views = new Map<string, View>();
  const { apiVersion } = managers.get(own)!;
  for (const version of new Set([...managers.values()].map((manager) => manager.apiVersion))) {
    const itsSchema = version === apiVersion ? schema : versions.schemaOf(version);
    const into = (object: KubeObject) => (version === apiVersion ? object : versions.convert(object, version));
    if (!itsSchema) continue;
    const [old, now] = [versions.decided(await into(live)), versions.decided(await into(next))];
    views.set(version, { schema: itsSchema, old, next: now });
  }
  const changesIn = changesByVersion((version) => views.get(version));
  const others = [...managers].filter(([key]) => key !== own);
  const conflicts: Conflict[] = [];
  for (const [, manager] of force ? [] : others) {
    const { changed } = changesIn(manager.apiVersion)!;
    await pause?.();
    const shared = intersect(manager.fields, changed);
    await pause?.();
    const fields = inOrderThroughout(shared);
    await pause?.();
    if (!isEmptySet(fields)) conflicts.push({ manager, paths: pathsOf(fields), fields });
  }
  if (conflicts.length > 0) throw new ConflictError(conflicts);
  for (const [key, manager] of others) {
    const changes = changesIn(manager.apiVersion)!;
    await pause?.();
    lose(managers, key, manager, changes);
    await pause?.();
  }
}

/**
 * The fields in which an object is as a former client-side apply wanted it: these an apply by the
 * same tool may change. Undefined where the two do not compare.
 */
export function fieldsAsLastApplied(lastApplied: object, live: KubeObject, schema: ObjectSchema): FieldSet {
  const { managedFields: _, ...metadata } = live.metadata;
  const { changed, removed } = compareFields(lastApplied, { ...live, metadata }, schema);
  return subtract(subtract(fieldsOf(lastApplied, schema), changed), removed);
}

/** The conflicts that are left when some fields are no matter. */
export function conflictsOutside(conflicts: readonly Conflict[], allowed: FieldSet): Conflict[] {
  return conflicts.flatMap((conflict) => {
    const fields = subtract(conflict.fields, allowed);
    return isEmptySet(fields) ? [] : [{ ...conflict, fields, paths: pathsOf(fields) }];
  });
}

/** `"x" with subresource "status" using apps/v1`. */
export function showManager({ manager, operation, apiVersion, subresource }: Manager): string {
  const named = JSON.stringify(manager);
  const through = subresource ? `${named} with subresource ${JSON.stringify(subresource)}` : named;
  return operation === 'Update' ? `${through} using ${apiVersion}` : through;
}

function describeConflicts(conflicts: readonly Conflict[]): string {
  const count = conflicts.reduce((sum, { paths }) => sum + paths.length, 0);
  if (count === 1) {
    const { manager, paths } = conflicts[0]!;
    return `Apply failed with 1 conflict: conflict with ${showManager(manager)}: ${paths[0]}`;
  }
  const sorted = [...conflicts].sort((a, b) => (managerKey(a.manager) < managerKey(b.manager) ? -1 : 1));
  const lines = sorted.flatMap(({ manager, paths }) => [
    `conflicts with ${showManager(manager)}:`,
    ...paths.map((path) => `- ${path}`),
  ]);
  return `Apply failed with ${count} conflicts: ${lines.join('\n')}`;
}
