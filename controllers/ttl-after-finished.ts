// Deletes finished jobs once their time to live is over. Upstream: pkg/controller/ttlafterfinished.

import type { Job } from '../api/batch/job/schema.ts';
import { JobKind } from '../api/batch/job.ts';
import { defineController } from '../client/controller.ts';
import { unlessGone } from '../machinery/errors.ts';

/** Milliseconds until the job is to go; undefined when it is not finished or lives on. Pure. */
export function expiresInMs({ spec, status }: Job, nowMs: number): number | undefined {
  const end = status?.conditions?.find((c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True');
  if (!end?.lastTransitionTime || spec.ttlSecondsAfterFinished === undefined) return undefined;
  return Math.max(0, Date.parse(end.lastTransitionTime) + spec.ttlSecondsAfterFinished * 1000 - nowMs);
}

export const ttlAfterFinishedController = defineController({
  name: 'ttl-after-finished-controller',
  kind: JobKind,
  deps: (context) => ({ clock: context.clock, jobs: context.resource(JobKind) }),
  async reconcile(job, { clock, jobs }) {
    const leftMs = expiresInMs(job, clock.now());
    if (leftMs === undefined || job.metadata.deletionTimestamp) return undefined;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { namespace = '', name = '', uid = '', resourceVersion = '' } = job.metadata;
    // The version: somebody may have given it a longer life a moment ago.
    await unlessGone(jobs.delete({ namespace, name }, { uid, resourceVersion, propagationPolicy: 'Foreground' }));
  },
});
