// Which pods to give up first when there are too many: those that cost the least. Upstream:
// ActivePodsWithRanks in pkg/controller.
import type { Pod } from '../../api/core/pod.ts';
import { isReady, podConditionOf } from './pod-state.ts';

const phaseOrder: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * The pods, those to be deleted first in front. `rankOf` is higher where a pod shares its node with
 * more of its like. Pure.
 */
export function inDeletionOrder(pods: readonly Pod[], rankOf: (pod: Pod) => number, nowMs: number): Pod[] {
  return [...pods].sort((a, b) => comparePods(a, b, rankOf, nowMs));
}

function comparePods(a: Pod, b: Pod, rankOf: (pod: Pod) => number, nowMs: number): number {
  const criteria: (() => number)[] = [
    () => Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)),
    () => phase(a) - phase(b),
    () => Number(isReady(a)) - Number(isReady(b)),
    () => deletionCost(a) - deletionCost(b),
    () => rankOf(b) - rankOf(a),
    () => (isReady(a) && isReady(b) ? compareTimes(readySince(a), readySince(b), nowMs) : 0),
    () => restarts(b) - restarts(a),
    () => compareTimes(a.metadata.creationTimestamp, b.metadata.creationTimestamp, nowMs),
  ];
  for (const criterion of criteria) {
    const order = criterion();
    if (order !== 0) return order;
  }
  // Within an order of magnitude of age chance decides, so that not always the youngest goes.
  return (a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1;
}

const phase = (pod: Pod) => phaseOrder[pod.status?.phase ?? 'Pending'] ?? 2;
const readySince = (pod: Pod) => podConditionOf(pod, 'Ready')?.lastTransitionTime;

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation];
  return text !== undefined && /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((c) => c.restartCount));
}

/** The younger first; an age counts by its power of two. */
function compareTimes(a: string | undefined, b: string | undefined, nowMs: number): number {
  return ageMagnitude(a, nowMs) - ageMagnitude(b, nowMs);
}

function ageMagnitude(time: string | undefined, nowMs: number): number {
  const ageSeconds = (nowMs - Date.parse(time ?? '')) / 1000;
  return ageSeconds >= 1 ? Math.floor(Math.log2(ageSeconds)) : -1;
}
