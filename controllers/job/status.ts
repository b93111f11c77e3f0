// The status of a job from its tally. Pure. Upstream: the status half of syncJob in pkg/controller/job.

import type { Job, JobCondition } from '../../api/batch/job/schema.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { withoutZeros } from '../status.ts';
import { formatIndexes } from './indexes.ts';
import { conditionOf, type Outcome } from './outcome.ts';
import { isIndexed, isTracked, type Tally } from './tally.ts';

export type JobStatus = NonNullable<Job['status']>;

export interface StatusInput {
  tally: Tally;
  outcome: Outcome | undefined;
  /** Active pods, those just created or removed included. */
  active: number;
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
  if (job.spec.suspend) {
    const why = { reason: 'JobSuspended', message: 'Job suspended', nowMs };
    return put(conditions, condition('Suspended', 'True', why));
  }
  if (!conditionOf(job, 'Suspended')) return conditions;
  return put(conditions, condition('Suspended', 'False', { reason: 'JobResumed', message: 'Job resumed', nowMs }));
}

export function computeStatus(job: Job, input: StatusInput): JobStatus {
  const { tally, active, outcome, nowMs } = input;
  const conditions = computeConditions(job, input);
  const { succeeded, failed } = tally.uncounted;
  const isSuspended = job.spec.suspend === true && !outcome;
  const startTime = isSuspended ? undefined : (job.status?.startTime ?? timestamp(nowMs));
  const isCompleteNow = conditions.some((c) => c.type === 'Complete');
  const status: JobStatus = {
    conditions,
    ...(startTime ? { startTime } : {}),
    ...(isCompleteNow ? { completionTime: job.status?.completionTime ?? timestamp(nowMs) } : {}),
    active,
    succeeded: isIndexed(job) ? tally.completedIndexes.size : tally.counted.succeeded,
    failed: tally.counted.failed,
    ready: Math.min(tally.ready, active),
    terminating: tally.terminating.length,
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
