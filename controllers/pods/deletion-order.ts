// Which pods to give up first when there are too many: those that cost the least. Upstream:
// ActivePodsWithRanks in pkg/controller.
import type { Pod } from '../../api/core/pod.ts';
import { isReady, podConditionOf } from './pod-state.ts';

const phaseOrder: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/** What a kind whose pods are alike knows of them. */
export interface Ranks {
  /** Higher where a pod shares its node with more of its like. */
  rankOf(pod: Pod): number;
  nowMs: number;
}

/**
 * The pods, those to be deleted first in front. With ranks (of replica sets) the annotation of a pod's cost counts, and
 * ages only by their order of magnitude; without, the youngest goes first. Pure.
 */
export function inDeletionOrder(pods: readonly Pod[], ranks?: Ranks): Pod[] {
  return [...pods].sort((a, b) => comparePods(a, b, ranks));
}

function comparePods(a: Pod, b: Pod, ranks: Ranks | undefined): number {
  const byAge = (x = '', y = '') => (x === y ? 0 : ranks ? byMagnitude(a, b, [x, y], ranks.nowMs) : laterFirst(x, y));
  return (
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    phase(a) - phase(b) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    (ranks ? deletionCost(a) - deletionCost(b) || ranks.rankOf(b) - ranks.rankOf(a) : 0) ||
    (isReady(a) ? byAge(readySince(a), readySince(b)) : 0) ||
    restarts(b.status?.containerStatuses) - restarts(a.status?.containerStatuses) ||
    restarts(b.status?.initContainerStatuses) - restarts(a.status?.initContainerStatuses) ||
    byAge(a.metadata.creationTimestamp, b.metadata.creationTimestamp)
  );
}

const phase = (pod: Pod) => phaseOrder[pod.status?.phase ?? 'Pending'] ?? 2;
const readySince = (pod: Pod) => podConditionOf(pod, 'Ready')?.lastTransitionTime;

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation];
  return text !== undefined && /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function restarts(statuses: readonly { restartCount: number }[] = []): number {
  return Math.max(0, ...statuses.map((c) => c.restartCount));
}

/** A time that is not known comes first. */
const laterFirst = (x: string, y: string) => (x === '' || (y !== '' && x > y) ? -1 : 1);

/** Within an order of magnitude of age chance decides, so that not always the youngest goes. */
function byMagnitude(a: Pod, b: Pod, [x, y]: [string, string], nowMs: number): number {
  return ageMagnitude(x, nowMs) - ageMagnitude(y, nowMs) || ((a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1);
}

/** Of the nanoseconds, by powers of two. */
function ageMagnitude(time: string, nowMs: number): number {
  const ageMs = nowMs - Date.parse(time);
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}
