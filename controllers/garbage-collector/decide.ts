// What garbage collection does with one object, given what is known of its owners and dependents. Pure.
// Upstream: attemptToDeleteItem and its neighbours in pkg/controller/garbagecollector.
import type { KubeObject, OwnerReference } from '../../machinery/metadata.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/** `waiting`: the owner is being deleted in the foreground, and so holds until its blocking dependents are gone. */
export type OwnerState = 'present' | 'absent' | 'waiting';

export type Decision =
  | { action: 'none' }
  /** Some owners are gone, another still wants the object. */
  | { action: 'drop-owners'; uids: string[] }
  /** Waiting owners may go on without the object: they were deleted in the foreground, and it is in their way. */
  | { action: 'delete'; propagationPolicy: 'Background' | 'Foreground' | 'Orphan' };

export function isForegroundDeleting({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(foregroundFinalizer);
}

export function isOrphaning({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(orphanFinalizer);
}

/** How to delete: as the object's own finalizers say, since they were somebody's wish. */
function policyOf({ metadata }: KubeObject): 'Background' | 'Foreground' | 'Orphan' {
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}

/** What becomes of an object with these owners. */
export function decide(
  object: KubeObject,
  owners: readonly { reference: OwnerReference; state: OwnerState }[],
  { hasDependents }: { hasDependents: boolean },
): Decision {
  if (owners.length === 0) return { action: 'none' };
  if (object.metadata.deletionTimestamp && !isForegroundDeleting(object)) return { action: 'none' };
  const inState = (state: OwnerState) => owners.filter((owner) => owner.state === state);
  if (inState('present').length > 0) {
    const uids = owners.filter((owner) => owner.state !== 'present').map(({ reference }) => reference.uid);
    return uids.length > 0 ? { action: 'drop-owners', uids } : { action: 'none' };
  }
  if (object.metadata.deletionTimestamp) return { action: 'none' };
  // The foreground goes on downwards, so that the owner ends last.
  if (inState('waiting').length > 0 && hasDependents) return { action: 'delete', propagationPolicy: 'Foreground' };
  return { action: 'delete', propagationPolicy: policyOf(object) };
}

/** Whether the dependent holds up the foreground deletion of the owner. */
export function blocks(dependent: KubeObject, ownerUid: string): boolean {
  return (dependent.metadata.ownerReferences ?? []).some((o) => o.uid === ownerUid && o.blockOwnerDeletion === true);
}
