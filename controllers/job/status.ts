// The status of a job from its tally. Pure. Upstream: the status half of syncJob in pkg/controller/job.

import type { Job, JobCondition } from '../../api/batch/job/schema.ts';
import type { Pod } from '../../api/core/pod.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { isReady } from '../pods/pod-state.ts';
import { withoutZeros } from '../status.ts';
import { formatIndexes } from './indexes.ts';
import { conditionOf, type Outcome } from './outcome.ts';
import { isIndexed, isTracked, type Tally } from './tally.ts';

export type JobStatus = NonNullable<Job['status']>;

export interface StatusInput {
  tally: Tally;
  outcome: Outcome | undefined;
  /** Pods that this pass has created and asked to go. */
  created: number;
  removed: readonly Pod[];
  /** Whether this pass looked after the number of pods. */
  isManaged: boolean;
  nowMs: number;
}

function condition(
  type: string,
  status: string,
  why: { reason: string; message: string; nowMs: number },
): JobCondition {
  const time = timestamp(why.nowMs);
  return { type, status, lastProbeTime: time, lastTransitionTime: time, reason: why.reason, message: why.message };
}

/** Adds a condition or changes it in its place. */
function put(conditions: readonly JobCondition[], next: JobCondition): JobCondition[] {
  const at = conditions.findIndex((c) => c.type === next.type);
  if (at < 0) return [...conditions, next];
  const current = conditions[at]!;
  if (current.status === next.status && current.reason === next.reason) return [...conditions];
  return conditions.with(at, next);
}

/** The condition that ends the job, once every pod has ended and been counted. */
export function terminalType({ tally, outcome }: StatusInput): 'Complete' | 'Failed' | undefined {
  const { uncounted, active, terminating, release } = tally;
  const isSettled = uncounted.succeeded.length + uncounted.failed.length === 0 && !release.some(isTracked);
  if (!outcome || !isSettled || active.length > 0 || terminating.length > 0) return undefined;
  return outcome.type === 'FailureTarget' ? 'Failed' : 'Complete';
}

/** Conditions of suspension and of the end. */
function computeConditions(job: Job, input: StatusInput): JobCondition[] {
  const { outcome, nowMs } = input;
  let conditions = job.status?.conditions ?? [];
  if (outcome) {
    const { type, reason, message } = outcome;
    conditions = put(conditions, condition(type, 'True', { reason, message, nowMs }));
    const terminal = terminalType(input);
    return terminal ? put(conditions, condition(terminal, 'True', { reason, message, nowMs })) : conditions;
  }
  if (!input.isManaged) return [...conditions];
  if (job.spec.suspend) {
    const why = { reason: 'JobSuspended', message: 'Job suspended', nowMs };
    return put(conditions, condition('Suspended', 'True', why));
  }
  if (!conditionOf(job, 'Suspended')) return conditions;
  return put(conditions, condition('Suspended', 'False', { reason: 'JobResumed', message: 'Job resumed', nowMs }));
}

export function computeStatus(job: Job, input: StatusInput): JobStatus {
  const { tally, created, removed, isManaged, nowMs } = input;
  const conditions = computeConditions(job, input);
  const { succeeded, failed } = tally.uncounted;
  const started = job.status?.startTime ?? (job.spec.suspend ? undefined : timestamp(nowMs));
  const startTime = job.spec.suspend && isManaged ? undefined : started;
  const isCompleteNow = conditions.some((c) => c.type === 'Complete');
  const active = tally.active.length + created - removed.length;
  const status: JobStatus = {
    conditions,
    ...(startTime ? { startTime } : {}),
    ...(isCompleteNow ? { completionTime: job.status?.completionTime ?? timestamp(nowMs) } : {}),
    active,
    succeeded: isIndexed(job) ? tally.completedIndexes.size : tally.counted.succeeded,
    failed: tally.counted.failed,
    ready: Math.min(tally.ready - removed.filter(isReady).length, active),
    terminating: tally.terminating.length + removed.length,
    uncountedTerminatedPods: {
      ...(succeeded.length > 0 ? { succeeded } : {}),
      ...(failed.length > 0 ? { failed } : {}),
    },
  };
  if (isIndexed(job)) status.completedIndexes = formatIndexes(tally.completedIndexes);
  if (isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined) {
    status.failedIndexes = formatIndexes(tally.failedIndexes);
  }
  return withoutZeros(status, ['ready', 'terminating', 'uncountedTerminatedPods', 'failedIndexes']);
}
