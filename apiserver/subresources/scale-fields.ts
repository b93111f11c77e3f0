// Who manages the replicas of a scale: the managers of that one field of the parent, and back.
// Upstream: apimachinery's managedfields.ScaleHandler.
import type { Versions } from '../../machinery/field-management/apply.ts';
import { type Managers, managerKey, storedManagers, writeManagers } from '../../machinery/field-management/managers.ts';
import { type FieldSet, intersect, isEmptySet, leaf, subtract } from '../../machinery/field-management/set.ts';
import type { ServedVersion } from '../../machinery/kind.ts';
import type { ManagedFieldsEntry } from '../../machinery/metadata.ts';
import type { ServedResource } from '../registry/kind-table.ts';

const pathSet = (path: string): FieldSet =>
  path.split('.').reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), leaf);

const ofScale = pathSet('spec.replicas');

/** Where a version of the parent keeps its replicas; null where it has no scale, undefined for one that is not served. */
export type ReplicasPaths = (apiVersion: string) => FieldSet | null | undefined;

export const replicasPaths =
  (find: (apiVersion: string) => Pick<ServedResource, 'kind'> | undefined): ReplicasPaths =>
  (apiVersion) => {
    const found = find(apiVersion);
    const { scale } = found?.kind.subresources ?? {};
    return found && (scale ? pathSet(scale.specReplicasPath) : null);
  };

const owns = (fields: FieldSet, path: FieldSet | null | undefined): boolean =>
  !isEmptySet(intersect(fields, path ?? {}));

/** The managers of the parent's replicas, as those of the scale. */
export function scaleEntries(pathOf: ReplicasPaths, entries: ManagedFieldsEntry[] | undefined, apiVersion: string) {
  const scaling = [...(storedManagers(entries) ?? []).values()]
    .filter((manager) => owns(manager.fields, pathOf(manager.apiVersion)))
    .map((manager) => ({ ...manager, apiVersion, fields: ofScale }));
  return writeManagers(new Map(scaling.map((manager) => [managerKey(manager), manager])));
}

/** The parent's entries when its scale has these: who has no replicas there loses them here, and old versions go. */
export function parentEntries(
  pathOf: ReplicasPaths,
  entries: { parent: ManagedFieldsEntry[] | undefined; scale: ManagedFieldsEntry[] },
  apiVersion: string,
): ManagedFieldsEntry[] {
  const managers: Managers = storedManagers(entries.parent) ?? new Map();
  const scaling = new Map([...(storedManagers(entries.scale) ?? [])].filter(([, m]) => owns(m.fields, ofScale)));
  for (const [key, manager] of managers) {
    const path = pathOf(manager.apiVersion);
    if (path === undefined) managers.delete(key);
    if (!path || !owns(manager.fields, path)) continue;
    const scaleKey = managerKey({ ...manager, apiVersion: 'autoscaling/v1' });
    if (!scaling.delete(scaleKey)) managers.set(key, { ...manager, fields: subtract(manager.fields, path) });
  }
  for (const manager of scaling.values()) {
    const { entry: _, ...own } = { ...manager, apiVersion, fields: pathOf(apiVersion)! };
    managers.set(managerKey(own), { ...own, time: managers.get(managerKey(own))?.time });
  }
  return writeManagers(managers);
}

/** A scale has one version, and everything in it may be written. */
export function scaleVersions(schema: ServedVersion['schema'], apiVersion: string): Versions {
  return {
    schemaOf: (asked) => (asked === apiVersion ? schema : undefined),
    convert: (object) => object,
    decided: (object) => object,
  };
}
