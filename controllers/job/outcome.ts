// Whether a job has reached its end, and which. Pure. Upstream: syncJob in pkg/controller/job and success_policy.go.
import { countIndexes, type IndexRun, readIndexRuns } from '../../api/batch/job/indexes.ts';
import type { Job, JobCondition } from '../../api/batch/job/schema.ts';
import { isIndexed, type Tally, totalFailed, totalSucceeded } from './tally.ts';

export interface Outcome {
  /** The condition that announces the end; Failed or Complete follow when every pod has ended. */
  type: 'FailureTarget' | 'SuccessCriteriaMet';
  reason: string;
  message: string;
}

export function conditionOf(job: Job, type: string): JobCondition | undefined {
  return job.status?.conditions?.find((c) => c.type === type && c.status === 'True');
}

export const isFinished = (job: Job) => Boolean(conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed'));

/** Milliseconds until the deadline; undefined without one. */
export function deadlineInMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || !status?.startTime || spec.suspend) return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs);
}

/** The end that the job has reached, or undefined while it goes on. An end once announced stays. */
export function decideOutcome(job: Job, tally: Tally, nowMs: number): Outcome | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const announced = conditionOf(job, type);
    if (announced) return { type, reason: announced.reason ?? '', message: announced.message ?? '' };
  }
  const fail = (reason: string, message: string): Outcome => ({ type: 'FailureTarget', reason, message });
  if (tally.failJob) return fail('PodFailurePolicy', tally.failJob);
  if (exceedsBackoffLimit(job, tally)) {
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (deadlineInMs(job, nowMs) === 0) {
    return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  const indexFailure = decideFailedIndexes(job, tally);
  if (indexFailure) return fail(...indexFailure);
  // What fails it comes before what lets it succeed.
  const success = decideSuccessPolicy(job, tally);
  if (success) return success;
  return isComplete(job, tally)
    ? { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    : undefined;
}

function exceedsBackoffLimit(job: Job, tally: Tally): boolean {
  const limit = job.spec.backoffLimit ?? 6;
  if (totalFailed(tally) > limit) return true;
  if (job.spec.template?.spec?.restartPolicy !== 'OnFailure') return false;
  // Containers that are started again in their pod count as well.
  let restarts = 0;
  for (const { status } of [...tally.active, ...tally.terminating]) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const c of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
      restarts += c.restartCount;
    }
  }
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function decideFailedIndexes(job: Job, { failedIndexes, completedIndexes }: Tally): [string, string] | undefined {
  const { backoffLimitPerIndex, maxFailedIndexes, completions = 0 } = job.spec;
  if (!isIndexed(job) || backoffLimitPerIndex === undefined) return undefined;
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return ['MaxFailedIndexesExceeded', message];
  }
  const isDone = failedIndexes.size > 0 && failedIndexes.size + completedIndexes.size >= completions;
  return isDone ? ['FailedIndexes', 'Job has failed indexes'] : undefined;
}

function isComplete(job: Job, tally: Tally): boolean {
  const succeeded = totalSucceeded(job, tally);
  // A work queue is done when one worker says so and the others have ended.
  if (job.spec.completions === undefined) return succeeded > 0 && tally.active.length === 0;
  return succeeded >= job.spec.completions;
}

function decideSuccessPolicy(job: Job, { completedIndexes }: Tally): Outcome | undefined {
  for (const [i, rule] of (job.spec.successPolicy?.rules ?? []).entries()) {
    const runs = readIndexRuns(rule.succeededIndexes ?? '', job.spec.completions ?? 0);
    const wanted = rule.succeededIndexes === undefined || typeof runs === 'string' ? undefined : runs;
    const matching = wanted ? countWithin(wanted, completedIndexes) : completedIndexes.size;
    const needed = rule.succeededCount ?? (wanted ? countIndexes(wanted) : Number.POSITIVE_INFINITY);
    if (matching >= needed) {
      return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${i}` };
    }
  }
  return undefined;
}

function countWithin(runs: readonly IndexRun[], indexes: ReadonlySet<number>): number {
  let at = 0;
  return [...indexes]
    .sort((a, b) => a - b)
    .filter((index) => {
      while (at < runs.length && runs[at]![1] < index) at++;
      return at < runs.length && runs[at]![0] <= index;
    }).length;
}
