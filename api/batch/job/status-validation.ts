// What a job's status may say, and how it may change: controllers other than ours write it too. A rule is asked only
// where something that it speaks of changes, so that a status which was wrong before can still be written.
// Upstream: validateJobStatus and ValidateJobStatusUpdate, with getStatusValidationOptions of the job strategy.
import {
  append,
  duplicate,
  type FieldError,
  invalid,
  invalidAsWhole,
  required,
} from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import { type IndexRun, readIndexRuns, sharedIndex } from './indexes.ts';
import type { Job, JobStatus } from './schema.ts';

const hasCondition = ({ status }: Job, type: string, value = 'True') =>
  status?.conditions?.some((c) => c.type === type && c.status === value) === true;

/** What of a job its rules speak of. */
function readStatus(job: Job) {
  const status: JobStatus = job.status ?? {};
  const isComplete = hasCondition(job, 'Complete');
  const isFailed = hasCondition(job, 'Failed');
  return {
    ...status,
    active: status.active ?? 0,
    completedIndexes: status.completedIndexes ?? '',
    isComplete,
    isFailed,
    isFinished: isComplete || isFailed,
    isFailureTarget: hasCondition(job, 'FailureTarget'),
    isSuccessCriteriaMet: hasCondition(job, 'SuccessCriteriaMet'),
  };
}

const counters = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const satisfies (keyof JobStatus)[];

export function validateJobStatusUpdate(job: Job, oldJob: Job): FieldError[] {
  const [next, old] = [readStatus(job), readStatus(oldJob)];
  const changes = (...fields: (keyof typeof next)[]) => fields.some((field) => !jsonEqual(next[field], old[field]));
  const errors = counters.flatMap((field) => validateNonNegative(next[field], `status.${field}`));
  append(errors, validateUncounted(next.uncountedTerminatedPods));
  const at = (field: string) => `status.${field}`;
  const conditions = (detail: string) => errors.push(invalidAsWhole(at('conditions'), `cannot set ${detail}`));
  const wrong = (field: keyof JobStatus, detail: string) => errors.push(invalid(at(field), next[field], detail));
  const { completionTime, startTime, isComplete, isFailed, isFinished, isSuccessCriteriaMet, isFailureTarget } = next;
  if (isComplete && isFailed && changes('isComplete', 'isFailed'))
    conditions('Complete=True and Failed=true conditions');
  if (isComplete && isFailureTarget && changes('isComplete', 'isFailureTarget')) {
    conditions('Complete=True and FailureTarget=true conditions');
  }
  if (changes('isComplete', 'completionTime') && isComplete !== (completionTime !== undefined)) {
    if (isComplete) errors.push(required(at('completionTime'), 'completionTime is required for Complete jobs'));
    else wrong('completionTime', 'cannot set completionTime when there is no Complete=True condition');
  }
  if (changes('startTime', 'completionTime') && Date.parse(completionTime ?? '') < Date.parse(startTime ?? '')) {
    wrong('completionTime', 'completionTime cannot be set before startTime');
  }
  if (isFailed && !isFailureTarget && changes('isFailed', 'failedIndexes')) {
    conditions('Failed=True condition without the FailureTarget=true condition');
  }
  if (isComplete && !isSuccessCriteriaMet && changes('isComplete', 'isSuccessCriteriaMet')) {
    conditions('Complete=True condition without the SuccessCriteriaMet=true condition');
  }
  if (isFinished && next.active > 0 && changes('isFinished', 'active')) {
    wrong('active', 'active>0 is invalid for finished job');
  }
  const isSuspendedAtNothing = job.spec.suspend === true && job.spec.completions === 0;
  if (isFinished && !startTime && changes('isFinished', 'startTime') && !isSuspendedAtNothing) {
    errors.push(required(at('startTime'), 'startTime is required for finished job'));
  }
  const { succeeded = [], failed = [] } = next.uncountedTerminatedPods ?? {};
  if (isFinished && succeeded.length + failed.length > 0 && changes('isFinished', 'uncountedTerminatedPods')) {
    wrong('uncountedTerminatedPods', 'uncountedTerminatedPods needs to be empty for finished job');
  }
  append(errors, validateIndexes(job, next, changes));
  if (isFinished && (next.terminating ?? 0) > 0 && changes('isFinished', 'terminating')) {
    wrong('terminating', 'terminating>0 is invalid for finished job');
  }
  if ((next.ready ?? 0) > next.active && changes('ready', 'active')) {
    wrong('ready', 'cannot set more ready pods than active');
  }
  if (isSuccessCriteriaMet && isFailed) conditions('SuccessCriteriaMet=True and Failed=true conditions');
  if (isSuccessCriteriaMet && isFailureTarget) conditions('SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (job.spec.successPolicy && !isSuccessCriteriaMet && isComplete) {
    conditions('Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');
  }
  return [...errors, ...validateTransition(job, oldJob)];
}

/** Each pod waits once, whether it failed or succeeded. */
function validateUncounted(pods: JobStatus['uncountedTerminatedPods']): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (pods?.[list] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (uid === '') errors.push(invalid(at, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(at, uid));
      seen.add(uid);
    }
  }
  return errors;
}

function validateIndexes(
  { spec }: Job,
  status: { completedIndexes: string; failedIndexes?: string },
  changes: (...fields: ('completedIndexes' | 'failedIndexes')[]) => boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const { completedIndexes, failedIndexes } = status;
  const read = (field: 'completedIndexes' | 'failedIndexes', isReported: boolean): IndexRun[] => {
    if (spec.completions === undefined) return [];
    const text = status[field] ?? '';
    const runs = readIndexRuns(text, spec.completions);
    if (typeof runs !== 'string') return runs;
    if (isReported) errors.push(invalid(`status.${field}`, text, `error parsing ${field}: ${runs}`));
    return [];
  };
  const completed = read('completedIndexes', changes('completedIndexes'));
  const failed = read('failedIndexes', changes('failedIndexes') && spec.backoffLimitPerIndex !== undefined);
  if (changes('completedIndexes') && completedIndexes && spec.completionMode !== 'Indexed') {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    errors.push(invalid('status.completedIndexes', completedIndexes, detail));
  }
  if (changes('failedIndexes') && failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    errors.push(invalid('status.failedIndexes', failedIndexes, detail));
  }
  const shared = changes('completedIndexes', 'failedIndexes') ? sharedIndex(completed, failed) : undefined;
  if (shared !== undefined) {
    const detail = `failedIndexes and completedIndexes overlap at index: ${shared}`;
    errors.push(invalid('status.failedIndexes', failedIndexes, detail));
  }
  return errors;
}

/** What was said once stays said. */
function validateTransition(job: Job, oldJob: Job): FieldError[] {
  const errors: FieldError[] = [];
  const { spec, status: next = {} } = job;
  const old = oldJob.status ?? {};
  const disables = (type: string) => hasCondition(oldJob, type) && !hasCondition(job, type);
  const disabled = (detail: string) => errors.push(invalidAsWhole('status.conditions', detail));
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (disables(type)) disabled(`cannot disable the terminal ${type}=True condition`);
  }
  const mayShrink = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  for (const field of ['failed', 'succeeded'] as const) {
    if ((next[field] ?? 0) >= (old[field] ?? 0) || (field === 'succeeded' && mayShrink)) continue;
    errors.push(invalid(`status.${field}`, next[field] ?? 0, `cannot decrease the ${field} counter`));
  }
  if (next.completionTime && old.completionTime && next.completionTime !== old.completionTime) {
    errors.push(invalid('status.completionTime', next.completionTime, 'completionTime cannot be mutated'));
  }
  const resumes = hasCondition(oldJob, 'Suspended') && hasCondition(job, 'Suspended', 'False');
  if (old.startTime && next.startTime !== old.startTime && !spec.suspend && !resumes) {
    const detail = 'field is immutable for unsuspended job once set';
    errors.push(invalid('status.startTime', next.startTime, detail));
  }
  if (disables('SuccessCriteriaMet')) disabled('cannot disable the SuccessCriteriaMet=True condition');
  if (
    hasCondition(oldJob, 'Complete') &&
    !hasCondition(oldJob, 'SuccessCriteriaMet') &&
    hasCondition(job, 'SuccessCriteriaMet')
  ) {
    disabled('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
  }
  return errors;
}
