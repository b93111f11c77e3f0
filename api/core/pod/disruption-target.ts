// The condition by which a pod says that it ends for reasons of its node or of the cluster, and not
// by a failure of its own.
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
import { timestamp } from '../../../machinery/timestamp.ts';
import type { Pod } from '../pod.ts';

export const disruptionTargetType = 'DisruptionTarget';
/** Its reason where a scheduler has made room for another pod. */
export const preemptedReason = 'PreemptionByScheduler';

export function buildDisruptionTarget(
  { metadata: { generation } }: Pick<Pod, 'metadata'>,
  { reason, message, nowMs }: { reason: string; message: string; nowMs: number },
) {
  return {
    type: disruptionTargetType,
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timestamp(nowMs),
    ...(generation ? { observedGeneration: generation } : {}),
    reason,
    message,
  };
}
