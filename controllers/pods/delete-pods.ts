// Deleting pods whose end is expected: the owner does nothing more to its pods until each has been seen to go.

import type { Pod } from '../../api/core/pod.ts';
import type { Expectations } from '../../client/expectations.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import type { PodControl } from './pod-control.ts';

export interface DeleteOptions {
  control: Pick<PodControl, 'delete'>;
  expectations: Expectations;
  /** Done to each pod before. */
  prepare?(pod: Pod): Promise<void>;
}

/**
 * Deletes pods that the owner's expectations name. What was gone already or could not be deleted is
 * not awaited. Throws the first failure.
 */
export async function deletePods(
  owner: KubeObject,
  pods: readonly Pod[],
  { control, expectations, prepare }: DeleteOptions,
): Promise<void> {
  const results = await Promise.allSettled(
    pods.map(async (pod) => {
      let isAwaited = false;
      try {
        await prepare?.(pod);
        isAwaited = await control.delete(owner, pod);
      } finally {
        if (!isAwaited) expectations.deletionObserved(owner.metadata.uid ?? '', keyOf(pod));
      }
    }),
  );
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}
