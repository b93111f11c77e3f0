// Ending a pod for reasons of its node or of the cluster: the pod first says why (condition DisruptionTarget), so
// that job policies can tell it from a failure of its own.

import { buildDisruptionTarget, disruptionTargetType } from '../api/core/pod/disruption-target.ts';
import type { Pod } from '../api/core/pod.ts';
import { isNotFound } from '../machinery/errors.ts';
import type { ResourceClient } from './rest.ts';

export interface Disruption {
  reason: string;
  message: string;
  nowMs: number;
  /** The pod can no longer end by itself: its node is gone. */
  isLost?: boolean;
}

/** Marks and deletes a pod. One that is gone already is as good. */
export async function disrupt(pods: ResourceClient<Pod>, pod: Pod, why: Disruption): Promise<void> {
  const { uid } = pod.metadata;
  const { isLost = false } = why;
  const isEnded = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
  try {
    const known = pod.status?.conditions?.find(({ type }) => type === disruptionTargetType);
    // One that was told to go before its node was gone has not ended yet, and nobody else will say that it has.
    if ((known?.status !== 'True' || isLost) && !isEnded) {
      const condition = buildDisruptionTarget(pod, why);
      const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
      const status = {
        // Without an order, what is new comes first.
        '$setElementOrder/conditions': [...others, condition].map(({ type }) => ({ type })),
        conditions: [condition],
        ...(isLost ? { phase: 'Failed' } : {}),
      };
      await pods.patch(pod.metadata, { metadata: { uid }, status }, { type: 'strategic', subresource: 'status' });
    }
    const force = isLost ? { gracePeriodSeconds: 0 } : {};
    await pods.delete(pod.metadata, { ...force, ...(uid ? { uid } : {}) });
  } catch (err) {
    if (!isNotFound(err)) throw err;
  }
}
