// Lets go of pods that no job counts any more, but that still wait to be counted: their job is
// gone, another one of its name has come, or they were taken from it. Nobody else would, and they
// could never be deleted. Upstream: syncOrphanPod in pkg/controller/job.

import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import type { Lister } from '../../client/store.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { controllerOf, keyOf } from '../../machinery/metadata.ts';
import { isTracked, trackingFinalizer } from './tally.ts';

const byJob = 'job';

/** The key of the job that the pod names as its controller. */
function jobKeyOf(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === JobKind.kind && owner.apiVersion === JobKind.apiVersion
    ? `${pod.metadata.namespace}/${owner.name}`
    : undefined;
}

/** Whether a job is there that will count the pod. */
function hasItsJob(pod: Pod, jobs: Pick<Lister<Job>, 'get'>): boolean {
  const key = jobKeyOf(pod);
  return key !== undefined && jobs.get(key)?.metadata.uid === controllerOf(pod)?.uid;
}

function createDeps(context: ControllerContext) {
  const pods = context.informer(PodKind);
  pods.addIndex(byJob, (pod) => {
    const key = isTracked(pod) ? jobKeyOf(pod) : undefined;
    return key === undefined ? [] : [key];
  });
  return { jobs: context.informer(JobKind).lister, pods: pods.lister, patch: context.resource(PodKind).patch };
}

export const jobOrphanPodController = defineController({
  name: 'job-orphan-pod-controller',
  kind: PodKind,
  related: [
    {
      kind: JobKind,
      keys: (job: Job | undefined, old: Job | undefined, { pods }) =>
        job ? [] : pods.byIndex(byJob, keyOf(old!)).map(keyOf),
    },
  ],
  deps: createDeps,
  async reconcile(pod, { jobs, patch }) {
    if (!isTracked(pod) || hasItsJob(pod, jobs)) return undefined;
    const { uid, resourceVersion } = pod.metadata;
    // The version: a job may be adopting it just now, and would count on the finalizer.
    const metadata = { uid, resourceVersion, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] };
    await unlessGone(patch(pod.metadata, { metadata }, { type: 'strategic' }));
  },
});
