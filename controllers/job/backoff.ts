// How long a job waits after failures before it makes another pod: ten seconds, doubled by each
// failure in a row, ten minutes at most. Upstream: backoff_utils.go of pkg/controller/job.
import type { Pod } from '../../api/core/pod.ts';
import { podConditionOf } from '../pods/pod-state.ts';
import type { Tally } from './tally.ts';

const baseMs = 10_000;
const maxMs = 600_000;

/** Failures since the last success. */
export interface FailureRun {
  count: number;
  lastMs: number;
}

export const noFailures: FailureRun = { count: 0, lastMs: 0 };

/**
 * When the pod's last container ended; else when it was no longer ready, or asked to go; of one
 * that never came so far, when it was made.
 */
export function finishedAtMs(pod: Pod, nowMs: number): number {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const ends = [...containerStatuses, ...initContainerStatuses].map((c) =>
    Date.parse(c.state?.terminated?.finishedAt ?? ''),
  );
  if (ends.length > 0 && ends.every((ms) => !Number.isNaN(ms))) return Math.max(...ends);
  const ready = podConditionOf(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime);
  const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  if (deletionTimestamp) return Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  // Not now, which would never be over.
  return creationTimestamp ? Date.parse(creationTimestamp) : nowMs;
}

/** The run after some pods finished. Pure. */
export function nextRun(run: FailureRun, finished: Tally['fresh'], nowMs: number): FailureRun {
  const successes = finished.succeeded.map((pod) => finishedAtMs(pod, nowMs));
  const lastSuccessMs = Math.max(Number.NEGATIVE_INFINITY, ...successes);
  const failures = [...finished.failed, ...finished.ignored]
    .map((pod) => finishedAtMs(pod, nowMs))
    .filter((ms) => ms > lastSuccessMs);
  const before = successes.length > 0 ? noFailures : run;
  return { count: before.count + failures.length, lastMs: failures.length > 0 ? Math.max(...failures) : before.lastMs };
}

/** Milliseconds to wait still. */
export function waitMs({ count, lastMs }: FailureRun, nowMs: number): number {
  if (count === 0) return 0;
  return Math.max(0, lastMs + Math.min(maxMs, baseMs * 2 ** (count - 1)) - nowMs);
}
