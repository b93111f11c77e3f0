// How a claim and a volume come together: the annotations that tell of it, and which volume suits a claim. The binder and
// the scheduler decide by the same rules. Upstream: component-helpers/storage/volume.
import { matchesLabelSelector } from '../../../machinery/labels.ts';
import { keyOf, type ObjectMeta } from '../../../machinery/metadata.ts';
import { compareQuantities } from '../../../machinery/quantity.ts';
import type { Node } from '../node.ts';
import type { ObjectReference } from '../object-reference.ts';
import type { PersistentVolumeClaim } from '../persistentvolumeclaim/schema.ts';
import { betaStorageClassAnnotation } from '../persistentvolumeclaim/validation.ts';
import { compileNodeSelector } from '../pod/placement.ts';
import type { PersistentVolume } from './schema.ts';

/** On claims: they have been bound once, and are so for good. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed';
/** On claims and volumes: not the user has put them together. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller';
/** On volumes: who has made them. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
/** On claims: the node that the scheduler wants the volume for. */
export const selectedNode = 'volume.kubernetes.io/selected-node';
/** On claims: who is to make the volume. */
export const storageProvisioner = 'volume.kubernetes.io/storage-provisioner';
export const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner';

export const hasAnnotation = ({ metadata }: { metadata: ObjectMeta }, name: string): boolean =>
  metadata.annotations?.[name] !== undefined;

/** The storage class of a claim or a volume; empty for none. */
export const storageClassOf = ({ metadata, spec }: PersistentVolumeClaim | PersistentVolume): string =>
  metadata.annotations?.[betaStorageClassAnnotation] ?? spec.storageClassName ?? '';

/** The key of the claim that a volume is bound to, or kept for. */
export const claimKeyOf = ({ spec: { claimRef } }: PersistentVolume): string | undefined =>
  claimRef && `${claimRef.namespace}/${claimRef.name}`;

/** Whether the volume is bound to the claim, or was set aside for one of its name. */
export function isBoundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  return claimKeyOf(volume) === keyOf(claim) && (!claimRef?.uid || claimRef.uid === claim.metadata.uid);
}

/** A claim that will never look for a volume again. */
export const isFullyBound = (claim: PersistentVolumeClaim): boolean =>
  !!claim.spec.volumeName && hasAnnotation(claim, bindCompleted);

function referenceTo({ metadata }: PersistentVolumeClaim): ObjectReference {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { kind: 'PersistentVolumeClaim', namespace, name, uid, apiVersion: 'v1', resourceVersion };
}

/** The volume as it is once the claim has it; undefined when it is so already. */
export function boundVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume | undefined {
  const isOurs = isBoundTo(volume, claim);
  if (isOurs && volume.spec.claimRef?.uid) return undefined;
  const { annotations } = volume.metadata;
  return {
    ...volume,
    metadata: {
      ...volume.metadata,
      ...(isOurs ? {} : { annotations: { ...annotations, [boundByController]: 'yes' } }),
    },
    spec: { ...volume.spec, claimRef: referenceTo(claim) },
  };
}

export const volumeModeOf = ({ spec }: PersistentVolumeClaim | PersistentVolume): string =>
  spec.volumeMode ?? 'Filesystem';

export function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode));
}

const hasAttributes = (volume: PersistentVolume, claim: PersistentVolumeClaim) =>
  (volume.spec.volumeAttributesClassName ?? '') === (claim.spec.volumeAttributesClassName ?? '');

// A volume does not change, and is held against many nodes.
const matchers = new WeakMap<object, (node: Node) => boolean>();

/** Whether a node reaches the volume. */
export function isReachable(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec.nodeAffinity?.required;
  if (!required) return true;
  const matches = matchers.get(required) ?? compileNodeSelector(required);
  matchers.set(required, matches);
  return matches(node);
}

/** What the volume lacks that the claim asks for, in the words of the event; undefined: nothing. */
export function findMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata.deletionTimestamp) return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (compareQuantities(volume.spec.capacity?.storage, claim.spec.resources?.requests?.storage) < 0) {
    return 'requested PV is too small';
  }
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if (!hasAttributes(volume, claim)) return 'volumeAttributesClassName does not match';
  if (volumeModeOf(volume) !== volumeModeOf(claim)) return 'incompatible volumeMode';
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode';
}

/** Whether a volume that nobody has may become the claim's. */
export function isAvailableFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { selector } = claim.spec;
  if (volume.spec.claimRef || volume.status?.phase !== 'Available') return false;
  if (selector && !matchesLabelSelector(selector, volume.metadata.labels)) return false;
  return findMismatch(volume, claim) === undefined;
}

/** A volume that was set aside for the claim is taken whatever its class and labels, if it is large enough. */
function isKeptFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (!isBoundTo(volume, claim) || volume.metadata.deletionTimestamp) return false;
  if (volumeModeOf(volume) !== volumeModeOf(claim)) return false;
  if (!hasAttributes(volume, claim)) return false;
  return compareQuantities(volume.spec.capacity?.storage, claim.spec.resources?.requests?.storage) >= 0;
}

/** The volumes that a claim may have, the smallest first: the one that was set aside for it and no other, where there is. */
export function suitableVolumes(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): { kept?: PersistentVolume; available: PersistentVolume[] } {
  const kept = volumes.find((volume) => isKeptFor(volume, claim));
  if (kept) return { kept, available: [] };
  const available = volumes.filter((volume) => isAvailableFor(volume, claim));
  const nameOf = ({ metadata }: PersistentVolume) => metadata.name ?? '';
  available.sort(
    (a, b) => compareQuantities(a.spec.capacity?.storage, b.spec.capacity?.storage) || (nameOf(a) < nameOf(b) ? -1 : 1),
  );
  return { available };
}
