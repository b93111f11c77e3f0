// The jobs of a cron job: what they are made of, and which are history. Pure. Upstream: pkg/controller/cronjob.
import type { CronJob } from '../../api/batch/cronjob/schema.ts';
import { CronJobKind } from '../../api/batch/cronjob.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import type { ObjectReference } from '../../api/core/object-reference.ts';
import { cloneJson } from '../../machinery/json.ts';
import { conditionOf } from '../job/outcome.ts';
import { controllerRef } from '../pods/claim.ts';
import { formatLocal, type LocalClock } from './next-time.ts';

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** The minute is the name: whoever makes the job of a time again finds that it is there. */
export const jobName = (cron: CronJob, timeMs: number) => `${cron.metadata.name}-${Math.floor(timeMs / 60_000)}`;

export function buildJob(cron: CronJob, timeMs: number, local: LocalClock): Job {
  const { metadata, spec } = cloneJson(cron.spec.jobTemplate);
  return {
    metadata: {
      name: jobName(cron, timeMs),
      namespace: cron.metadata.namespace ?? '',
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata?.annotations, [scheduledAnnotation]: formatLocal(timeMs, local) },
      ownerReferences: [controllerRef(CronJobKind, cron)],
    },
    spec,
  } as Job;
}

export function referTo({ metadata }: Job): ObjectReference {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { kind: JobKind.kind, namespace, name, uid, apiVersion: JobKind.apiVersion, resourceVersion };
}

/** The word for how a job has ended; undefined while it runs. */
export function endOf(job: Job): 'Complete' | 'Failed' | undefined {
  return (['Complete', 'Failed'] as const).find((type) => conditionOf(job, type));
}

/** Finished jobs beyond the limits, oldest first. */
export function planHistory({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const beyond = (end: string, limit: number | undefined) => {
    const ended = jobs.filter((job) => endOf(job) === end).sort(byStart);
    return limit === undefined ? [] : ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [...beyond('Complete', spec.successfulJobsHistoryLimit), ...beyond('Failed', spec.failedJobsHistoryLimit)];
}

/** Those that never started come last. */
function byStart(a: Job, b: Job): number {
  const startOf = ({ status }: Job) => (status?.startTime ? Date.parse(status.startTime) : Number.MAX_SAFE_INTEGER);
  return startOf(a) - startOf(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}
