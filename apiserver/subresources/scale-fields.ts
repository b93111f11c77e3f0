// Who manages the replicas of a scale: the managers of that one field of the parent, and back.
// Upstream: apimachinery's managedfields.ScaleHandler.
import type { Versions } from '../../machinery/field-management/apply.ts';
import { type Managers, managerKey, storedManagers, writeManagers } from '../../machinery/field-management/managers.ts';
import { type FieldSet, intersect, isEmptySet, leaf, subtract } from '../../machinery/field-management/set.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import type { ManagedFieldsEntry } from '../../machinery/metadata.ts';

const pathSet = (path: string): FieldSet =>
  path.split('.').reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), leaf);

const ofScale = pathSet('spec.replicas');

/** The managers of the parent's replicas, as those of the scale. */
export function scaleEntries(kind: Kind, entries: ManagedFieldsEntry[] | undefined, apiVersion: string) {
  const path = pathSet(kind.subresources.scale!.specReplicasPath);
  const scaling = [...(storedManagers(entries) ?? []).values()]
    .filter(({ fields }) => !isEmptySet(intersect(fields, path)))
    .map((manager) => ({ ...manager, apiVersion, fields: ofScale }));
  return writeManagers(new Map(scaling.map((manager) => [managerKey(manager), manager])));
}

/** The parent's entries when its scale has these: who has no replicas there loses them here. */
export function parentEntries(
  kind: Kind,
  entries: { parent: ManagedFieldsEntry[] | undefined; scale: ManagedFieldsEntry[] },
  apiVersion: string,
): ManagedFieldsEntry[] {
  const path = pathSet(kind.subresources.scale!.specReplicasPath);
  const managers: Managers = storedManagers(entries.parent) ?? new Map();
  const scaling = new Map([...(storedManagers(entries.scale) ?? [])].filter(([, m]) => !isEmptySet(m.fields)));
  for (const [key, manager] of managers) {
    if (isEmptySet(intersect(manager.fields, path))) continue;
    const scaleKey = managerKey({ ...manager, apiVersion: 'autoscaling/v1' });
    if (scaling.delete(scaleKey)) continue;
    managers.set(key, { ...manager, fields: subtract(manager.fields, path) });
  }
  for (const manager of scaling.values()) {
    const { entry: _, ...own } = { ...manager, apiVersion, fields: path };
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
