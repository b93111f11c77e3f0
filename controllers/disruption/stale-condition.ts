// Takes back the mark of a disruption that did not happen: a pod that was to go two minutes ago and has not been
// deleted stays. Upstream: syncStalePodDisruption of pkg/controller/disruption.

import { isFinished } from '../../api/core/pod/columns.ts';
import { disruptionTargetType } from '../../api/core/pod/disruption-target.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { defineController } from '../../client/controller.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { podConditionOf } from '../pods/pod-state.ts';

const staleAfterMs = 2 * 60_000;

/** Milliseconds until the mark is stale; undefined when there is none that could be. What kubelets said stays. Pure. */
export function staleInMs(pod: Pod, nowMs: number): number | undefined {
  const condition = podConditionOf(pod, disruptionTargetType);
  if (pod.metadata.deletionTimestamp || isFinished(pod)) return undefined;
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined;
  return Math.max(0, Date.parse(condition.lastTransitionTime ?? '') + staleAfterMs - nowMs);
}

export const staleDisruptionController = defineController({
  name: 'stale-pod-disruption-controller',
  kind: PodKind,
  concurrency: 1,
  deps: (context) => ({ clock: context.clock, pods: context.resource(PodKind) }),
  async reconcile(pod, { clock, pods }) {
    const leftMs = staleInMs(pod, clock.now());
    if (leftMs === undefined) return undefined;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const conditions = pod.status?.conditions?.map((condition) =>
      condition.type === disruptionTargetType
        ? { type: condition.type, status: 'False', lastTransitionTime: timestamp(clock.now()) }
        : condition,
    );
    await unlessGone(pods.updateStatus({ ...pod, status: { ...pod.status, conditions } } as Pod));
  },
});
