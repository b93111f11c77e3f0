// What a disruption budget says of its pods. Pure. Upstream: trySync of pkg/controller/disruption.
import type { Pod } from '../../api/core/pod.ts';
import type { PodDisruptionBudget } from '../../api/policy/poddisruptionbudget.ts';
import { putCondition } from '../../machinery/conditions.ts';
import type { Condition } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { resolveIntOrPercent } from '../int-or-percent.ts';
import { isReady } from '../pods/pod-state.ts';
import { withoutZeros } from '../status.ts';

type Status = NonNullable<PodDisruptionBudget['status']>;

/** How long an eviction that was let through may take until the pod's deletion is seen. */
const deletionTimeoutMs = 2 * 60_000;
const conditionType = 'DisruptionAllowed';

/** Whether the budget is a share of what there should be, rather than of the pods there are. */
export function dependsOnScale({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
}

export function desiredHealthy({ spec }: PodDisruptionBudget, expected: number): number {
  if (spec.maxUnavailable === undefined) return resolveIntOrPercent(spec.minAvailable, expected, 'up');
  return Math.max(0, expected - resolveIntOrPercent(spec.maxUnavailable, expected, 'up'));
}

export interface DisruptedPods {
  /** Evictions that are still on their way, with the time. */
  disrupted: Record<string, string>;
  /** Pods that should be gone and are not. */
  overdue: Pod[];
  /** When the next one is overdue; undefined when none is on its way. */
  nextInMs?: number;
}

/** Which evictions that were let through are still to be waited for. */
export function disruptedPods({ status }: PodDisruptionBudget, pods: readonly Pod[], nowMs: number): DisruptedPods {
  const result: DisruptedPods = { disrupted: {}, overdue: [] };
  for (const pod of pods) {
    const name = pod.metadata.name ?? '';
    const time = status?.disruptedPods?.[name];
    if (time === undefined || pod.metadata.deletionTimestamp) continue;
    const leftMs = Date.parse(time) + deletionTimeoutMs - nowMs;
    if (leftMs < 0) {
      result.overdue.push(pod);
      continue;
    }
    result.disrupted[name] = time;
    result.nextInMs = Math.min(result.nextInMs ?? leftMs, leftMs);
  }
  return result;
}

/** Pods that are ready and nobody has asked to go. */
export function countHealthy(pods: readonly Pod[], disrupted: Readonly<Record<string, string>>): number {
  const isGoing = ({ metadata }: Pod) =>
    metadata.deletionTimestamp !== undefined || Object.hasOwn(disrupted, metadata.name ?? '');
  return pods.filter((pod) => !isGoing(pod) && isReady(pod)).length;
}

export interface Counts {
  expected: number;
  healthy: number;
  desired: number;
  disrupted: Readonly<Record<string, string>>;
}

export function computeStatus(budget: PodDisruptionBudget, counts: Counts, nowMs: number): Status {
  const { expected, healthy, desired, disrupted } = counts;
  // Without pods nothing is allowed: the first ones that come are safe until they are counted.
  const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
  const observedGeneration = budget.metadata.generation ?? 0;
  const verdict =
    allowed > 0
      ? ({ status: 'True', reason: 'SufficientPods' } as const)
      : ({ status: 'False', reason: 'InsufficientPods' } as const);
  const status = {
    conditions: withCondition(budget, { ...verdict, message: '', observedGeneration }, nowMs),
    currentHealthy: healthy,
    desiredHealthy: desired,
    disruptedPods: Object.keys(disrupted).length > 0 ? { ...disrupted } : undefined,
    disruptionsAllowed: allowed,
    expectedPods: expected,
    observedGeneration,
  };
  return withoutZeros(status as Status, ['currentHealthy', 'desiredHealthy', 'disruptionsAllowed', 'expectedPods']);
}

/** The status where the numbers cannot be known: nothing may go, and the condition says why. */
export function failSafeStatus(budget: PodDisruptionBudget, message: string, nowMs: number): Status {
  const before = budget.status ?? { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
  const observedGeneration = before.observedGeneration ?? 0;
  const failed = { status: 'False', reason: 'SyncFailed', message, observedGeneration };
  return { ...before, disruptionsAllowed: 0, conditions: withCondition(budget, failed, nowMs) };
}

/** Whether the numbers could not be known when they were last looked at. */
export const hasFailed = ({ status }: PodDisruptionBudget) =>
  status?.conditions?.some(({ type, reason }) => type === conditionType && reason === 'SyncFailed') ?? false;

const withCondition = (
  { status }: PodDisruptionBudget,
  { observedGeneration, ...said }: Pick<Condition, 'status' | 'reason' | 'message'> & { observedGeneration: number },
  nowMs: number,
): Condition[] =>
  putCondition(status?.conditions ?? [], {
    type: conditionType,
    ...said,
    ...(observedGeneration > 0 ? { observedGeneration } : {}),
    lastTransitionTime: timestamp(nowMs),
  });
