// Which pods a job should have next, and how they look. Pure. Upstream: manageJob in pkg/controller/job.

import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import type { Pod } from '../../api/core/pod.ts';
import { inDeletionOrder } from '../pods/deletion-order.ts';
import { podFromTemplate } from '../pods/pod-control.ts';
import { judgeFailure } from './failure-policy.ts';
import { indexAnnotation, indexOf } from './indexes.ts';
import {
  countOf,
  failureCountAnnotation,
  failuresOf,
  hasFailed,
  ignoredCountAnnotation,
  isIndexed,
  replacesOnlyFailed,
  type Tally,
  totalSucceeded,
  trackingFinalizer,
} from './tally.ts';

const maxAtOnce = 500;

/** Changes to a job's pods. For indexed jobs `create` holds the indexes; for others one undefined for each pod. */
export interface PodPlan {
  create: (number | undefined)[];
  remove: Pod[];
}

/** How many pods should be active. */
function wantedActive(job: Job, tally: Tally): number {
  const { parallelism = 1, completions, suspend } = job.spec;
  if (suspend) return 0;
  const succeeded = totalSucceeded(job, tally);
  if (completions === undefined) return succeeded > 0 ? tally.active.length : parallelism;
  const open = completions - succeeded - (job.spec.backoffLimitPerIndex === undefined ? 0 : tally.failedIndexes.size);
  return Math.max(0, Math.min(open, parallelism));
}

/** Pods to create and remove while the job goes on. */
export function planPods(job: Job, tally: Tally): PodPlan {
  const wanted = wantedActive(job, tally);
  const { active } = tally;
  const duplicates = isIndexed(job) ? surplusOfIndexes(job, tally) : [];
  const others = active.filter((pod) => !duplicates.includes(pod));
  const surplus = Math.max(0, others.length - wanted);
  const remove = [...duplicates, ...inDeletionOrder(others).slice(0, surplus)];
  if (remove.length > 0) return { create: [], remove: remove.slice(0, maxAtOnce) };
  const held = replacesOnlyFailed(job) ? tally.terminating.length : 0;
  const missing = Math.min(maxAtOnce, Math.max(0, wanted - active.length - held));
  if (!isIndexed(job)) return { create: Array.from({ length: missing }), remove: [] };
  return { create: freeIndexes(job, tally, missing), remove: [] };
}

/** Active pods of an index that is out of range, done, or worked on by another pod. */
function surplusOfIndexes(job: Job, { active, completedIndexes, failedIndexes }: Tally): Pod[] {
  const seen = new Set<number>();
  return active.filter((pod) => {
    const index = indexOf(pod, job.spec.completions ?? 0);
    if (index === undefined || seen.has(index) || completedIndexes.has(index) || failedIndexes.has(index)) return true;
    seen.add(index);
    return false;
  });
}

/** The lowest ones. A job may have 2^31 of them. */
function freeIndexes(
  job: Job,
  { active, terminating, completedIndexes, failedIndexes }: Tally,
  most: number,
): number[] {
  const completions = job.spec.completions ?? 0;
  const busy = replacesOnlyFailed(job) ? [...active, ...terminating] : active;
  const taken = new Set(busy.map((pod) => indexOf(pod, completions)));
  const free: number[] = [];
  for (let i = 0; i < completions && free.length < most; i++) {
    if (!taken.has(i) && !completedIndexes.has(i) && !failedIndexes.has(i)) free.push(i);
  }
  return free;
}

/** The failed pod of an index with the most failures behind it. */
export function lastFailure(job: Job, pods: readonly Pod[], index: number): Pod | undefined {
  return pods
    .filter((pod) => indexOf(pod, job.spec.completions ?? 0) === index && hasFailed(job, pod))
    .sort((a, b) => failuresOf(b) - failuresOf(a))[0];
}

/** A pod of the job. Those of an indexed job know their index, and how often it has failed before. */
export function buildPod(job: Job, index: number | undefined, pods: readonly Pod[]): Pod {
  const pod = podFromTemplate(JobKind, job, job.spec.template!);
  pod.metadata.finalizers = [...(pod.metadata.finalizers ?? []), trackingFinalizer];
  if (index === undefined) return pod;
  const name = `${job.metadata.name}-${index}`;
  pod.metadata.generateName = `${name}-`;
  pod.metadata.labels = { ...pod.metadata.labels, [indexAnnotation]: String(index) };
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [indexAnnotation]: String(index),
    ...failureCounts(job, pods, index),
  };
  pod.spec.hostname = name;
  const fieldRef = { fieldPath: `metadata.labels['${indexAnnotation}']` };
  for (const container of [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])]) {
    if (container.env?.some((e) => e.name === 'JOB_COMPLETION_INDEX')) continue;
    container.env = [...(container.env ?? []), { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef } }];
  }
  return pod;
}

function failureCounts(job: Job, pods: readonly Pod[], index: number): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  const last = lastFailure(job, pods, index);
  const isIgnored = last !== undefined && judgeFailure(job, last).action === 'Ignore';
  const before = (annotation: string) => (last ? countOf(last, annotation) : 0);
  const failures = before(failureCountAnnotation) + (last && !isIgnored ? 1 : 0);
  const ignored = before(ignoredCountAnnotation) + (isIgnored ? 1 : 0);
  return {
    [failureCountAnnotation]: String(failures),
    ...(job.spec.podFailurePolicy ? { [ignoredCountAnnotation]: String(ignored) } : {}),
  };
}
