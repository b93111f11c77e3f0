// What controllers ask about a pod: does it count, is it ready, has it been ready long enough.
// Upstream: pkg/api/v1/pod and the filters of pkg/controller.

import { isFinished } from '../../api/core/pod/columns.ts';
import type { PodCondition } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';

/** Runs or will run, and nobody has asked it to go. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !pod.metadata.deletionTimestamp;
}

/** Is being ended and has not ended yet. */
export function isTerminating(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined;
}

export function podConditionOf(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((c) => c.type === type);
}

export function isReady(pod: Pod): boolean {
  return podConditionOf(pod, 'Ready')?.status === 'True';
}

/** Milliseconds until a ready pod is available: 0 when it is, undefined when it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const ready = podConditionOf(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  return Math.max(0, Date.parse(ready.lastTransitionTime ?? '') + minReadySeconds * 1000 - nowMs);
}

export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  return availableInMs(pod, minReadySeconds, nowMs) === 0;
}

/** When the next of the pods becomes available by the passing of time alone; undefined when none will. */
export function nextAvailableInMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, nowMs) ?? 0).filter((ms) => ms > 0);
  return waits.length > 0 ? Math.min(...waits) : undefined;
}
