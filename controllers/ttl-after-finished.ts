// Deletes finished jobs once their time to live is over. Upstream: pkg/controller/ttlafterfinished.

import type { Job } from '../api/batch/job/schema.ts';
import { JobKind } from '../api/batch/job.ts';
import { defineController } from '../client/controller.ts';
import { unlessGone } from '../machinery/errors.ts';
import { controllerMetrics } from './metrics.ts';

/** When the job is to go, in milliseconds since 1970; undefined when it is not finished or lives on. Pure. */
export function expiresAtMs({ spec, status }: Job): number | undefined {
  const end = status?.conditions?.find((c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True');
  if (!end?.lastTransitionTime || spec.ttlSecondsAfterFinished === undefined) return undefined;
  return Date.parse(end.lastTransitionTime) + spec.ttlSecondsAfterFinished * 1000;
}

export const ttlAfterFinishedController = defineController({
  name: 'ttl-after-finished-controller',
  kind: JobKind,
  deps: ({ clock, resource, registry }) => ({
    clock,
    jobs: resource(JobKind),
    late: controllerMetrics(registry).ttlSeconds.of(),
  }),
  async reconcile(job, { clock, jobs, late }) {
    const atMs = expiresAtMs(job);
    if (atMs === undefined || job.metadata.deletionTimestamp) return undefined;
    const lateMs = clock.now() - atMs;
    if (lateMs < 0) return { requeueAfterMs: -lateMs };
    const { uid = '', resourceVersion = '' } = job.metadata;
    // The version: somebody may have given it a longer life a moment ago.
    const deletion = jobs.delete(job.metadata, { uid, resourceVersion, propagationPolicy: 'Foreground' });
    await unlessGone(deletion.then(() => late.observe(lateMs / 1000)));
    return undefined;
  },
});
