// Counting a job's pods, each exactly once. A finished pod's uid goes into
// status.uncountedTerminatedPods first; then its finalizer is removed; once the finalizer is seen
// to be gone, the uid becomes part of a counter. A crash in between loses and repeats nothing.
// Pure.
//
//   finished, finalizer ──> uid in uncounted ──> finalizer removed ──> counter + 1, uid dropped
import type { Job } from '../../api/batch/job/schema.ts';
import type { Pod } from '../../api/core/pod.ts';
import { isActive, isReady, isTerminating } from '../pods/pod-state.ts';
import { judgeFailure } from './failure-policy.ts';
import { indexOf, parseIndexes } from './indexes.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
export const ignoredCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';

/** Most uids kept in a status. */
const maxUncounted = 500;

export interface Tally {
  active: Pod[];
  terminating: Pod[];
  ready: number;
  /** Counters of the status; for indexed jobs successes are counted by index. */
  counted: { succeeded: number; failed: number };
  uncounted: { succeeded: string[]; failed: string[] };
  /** Finished pods that this tally saw for the first time. */
  fresh: { succeeded: Pod[]; failed: Pod[]; ignored: Pod[] };
  completedIndexes: Set<number>;
  failedIndexes: Set<number>;
  /** Pods whose outcome needs no further record before their finalizer goes, once this tally has been written. */
  release: Pod[];
  /** Why a pod's failure fails the job. */
  failJob: string | undefined;
}

export const isIndexed = ({ spec }: Job) => spec.completionMode === 'Indexed';
export const isTracked = ({ metadata }: Pod) => (metadata.finalizers ?? []).includes(trackingFinalizer);
export const countOf = (pod: Pod, annotation: string) => Number(pod.metadata.annotations?.[annotation] ?? 0) || 0;
/** How often the pod's index had failed before, failures that were ignored included. */
export const failuresOf = (pod: Pod) => countOf(pod, failureCountAnnotation) + countOf(pod, ignoredCountAnnotation);

/** Whether only pods that have really failed count, or also those that were told to go. */
export const replacesOnlyFailed = ({ spec }: Job) => spec.podReplacementPolicy === 'Failed';

/** A pod that has failed, or is going and will be replaced like one. */
export function hasFailed(job: Job, pod: Pod): boolean {
  const { phase } = pod.status ?? {};
  if (phase === 'Failed') return true;
  return !replacesOnlyFailed(job) && pod.metadata.deletionTimestamp !== undefined && phase !== 'Succeeded';
}

export const totalSucceeded = (job: Job, tally: Tally) =>
  isIndexed(job) ? tally.completedIndexes.size : tally.counted.succeeded + tally.uncounted.succeeded.length;
export const totalFailed = ({ counted, uncounted }: Tally) => counted.failed + uncounted.failed.length;

/** Counts the pods of a job. */
export function tallyPods(job: Job, pods: readonly Pod[]): Tally {
  const completions = job.spec.completions ?? 0;
  const { status = {} } = job;
  const active = pods.filter(isActive);
  const tally: Tally = {
    active,
    terminating: pods.filter(isTerminating),
    ready: active.filter(isReady).length,
    counted: { succeeded: status.succeeded ?? 0, failed: status.failed ?? 0 },
    uncounted: { succeeded: [], failed: [] },
    fresh: { succeeded: [], failed: [], ignored: [] },
    completedIndexes: isIndexed(job) ? parseIndexes(status.completedIndexes, completions) : new Set(),
    failedIndexes: isIndexed(job) ? parseIndexes(status.failedIndexes, completions) : new Set(),
    release: [],
    failJob: undefined,
  };
  settleUncounted(tally, job, pods);
  for (const pod of pods) {
    if (!isTracked(pod)) continue;
    if (pod.status?.phase === 'Succeeded') countSuccess(tally, job, pod);
    else if (hasFailed(job, pod)) countFailure(tally, job, pod);
  }
  return tally;
}

/** Pods that still run when the job ends or is deleted are let go as well. Where it fails, each is a failure. */
export function tallyRest(tally: Tally, job: Job, isFailing: boolean): void {
  for (const pod of [...tally.active, ...tally.terminating]) {
    if (!isTracked(pod) || hasFailed(job, pod)) continue;
    if (isFailing) countFailure(tally, job, pod);
    else tally.release.push(pod);
  }
}

/** Uids whose pods have lost their finalizer move into the counters. */
function settleUncounted(tally: Tally, job: Job, pods: readonly Pod[]): void {
  const tracked = new Set(pods.filter(isTracked).map((pod) => pod.metadata.uid));
  for (const outcome of ['succeeded', 'failed'] as const) {
    for (const uid of job.status?.uncountedTerminatedPods?.[outcome] ?? []) {
      if (tracked.has(uid)) tally.uncounted[outcome].push(uid);
      else tally.counted[outcome]++;
    }
  }
}

const isFull = ({ uncounted }: Tally) => uncounted.succeeded.length + uncounted.failed.length >= maxUncounted;

function countSuccess(tally: Tally, job: Job, pod: Pod): void {
  const { uid = '' } = pod.metadata;
  if (isIndexed(job)) {
    const index = indexOf(pod, job.spec.completions ?? 0);
    if (index !== undefined && !tally.completedIndexes.has(index)) {
      tally.completedIndexes.add(index);
      tally.fresh.succeeded.push(pod);
    }
    tally.release.push(pod);
    return;
  }
  if (!tally.uncounted.succeeded.includes(uid) && !tally.uncounted.failed.includes(uid)) {
    if (isFull(tally)) return;
    tally.uncounted.succeeded.push(uid);
    tally.fresh.succeeded.push(pod);
  }
  tally.release.push(pod);
}

function countFailure(tally: Tally, job: Job, pod: Pod): void {
  const { uid = '' } = pod.metadata;
  const index = isIndexed(job) ? indexOf(pod, job.spec.completions ?? 0) : undefined;
  const verdict = judgeFailure(job, pod);
  if (verdict.action === 'FailJob') tally.failJob ??= verdict.message;
  if (index !== undefined && failsIndex(job, pod, verdict.action)) tally.failedIndexes.add(index);
  if (isIndexed(job) && index === undefined) {
    tally.release.push(pod);
    return;
  }
  if (verdict.action === 'Ignore') tally.fresh.ignored.push(pod);
  else if (!tally.uncounted.failed.includes(uid)) {
    if (isFull(tally)) return;
    tally.uncounted.failed.push(uid);
    tally.fresh.failed.push(pod);
  }
  tally.release.push(pod);
}

function failsIndex(job: Job, pod: Pod, action: string): boolean {
  const limit = job.spec.backoffLimitPerIndex;
  if (limit === undefined || action === 'Ignore') return false;
  return action === 'FailIndex' || countOf(pod, failureCountAnnotation) >= limit;
}
