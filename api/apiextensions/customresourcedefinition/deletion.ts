// A definition goes after the objects it defined: a finalizer holds it until the server has emptied it.
import { timestamp } from '../../../machinery/timestamp.ts';
import type { CustomResourceDefinition } from './schema.ts';

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** True until a delete has been asked for, so that it is marked first, and then until it is emptied. */
export function holdsDefinition({ metadata }: CustomResourceDefinition): boolean {
  return !metadata.deletionTimestamp || (metadata.finalizers ?? []).includes(cleanupFinalizer);
}

export function markDefinitionDeleted(draft: CustomResourceDefinition): void {
  const { metadata, status } = draft;
  const others = (metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer);
  metadata.finalizers = [...others, cleanupFinalizer];
  const condition = {
    type: 'Terminating',
    status: 'True',
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    lastTransitionTime: metadata.deletionTimestamp ?? timestamp(0),
  };
  const rest = (status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  draft.status = { ...status, conditions: [...rest, condition] };
}
