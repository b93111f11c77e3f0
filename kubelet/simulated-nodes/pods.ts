// Pods of simulated nodes: they run at once, those of Jobs for a second, and go as soon as they are deleted.
import { isFinished } from '../../api/core/pod/columns.ts';
import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { defineController } from '../../client/controller.ts';
import type { ResourceClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { controllerOf } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { isSimulated } from './nodes.ts';

const jobMs = 1_000;

interface Deps {
  pods: ResourceClient<Pod>;
  clock: Clock;
}

/** What the pod's kubelet would say of it once all its containers run, or have ended well. */
export function statusOf({ spec, status }: Pod, phase: 'Running' | 'Succeeded', nowMs: number): PodStatus {
  const time = timestamp(nowMs);
  const runs = phase === 'Running';
  const startedAt = status?.startTime ?? time;
  const conditionOf = (type: string, isTrue: boolean) => ({
    type,
    status: isTrue ? ('True' as const) : ('False' as const),
    lastTransitionTime: time,
    ...(isTrue ? {} : { reason: 'PodCompleted' }),
  });
  const ended = { exitCode: 0, reason: 'Completed', startedAt, finishedAt: time };
  const own = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];
  const others = (status?.conditions ?? []).filter(({ type }) => !own.includes(type));
  return {
    phase,
    startTime: startedAt,
    conditions: [...own.map((type) => conditionOf(type, runs || type === 'Initialized')), ...others],
    containerStatuses: spec.containers.map(({ name, image }) => ({
      name,
      image: image ?? '',
      imageID: '',
      ready: runs,
      started: runs,
      restartCount: 0,
      state: runs ? { running: { startedAt: time } } : { terminated: ended },
    })),
  };
}

async function reconcile(pod: Pod, { pods, clock }: Deps) {
  const { name = '', namespace = '', uid = '', deletionTimestamp } = pod.metadata;
  if (!isSimulated(pod.spec.nodeName)) return undefined;
  if (deletionTimestamp) {
    await unlessGone(pods.delete({ name, namespace }, { gracePeriodSeconds: 0, uid }));
    return undefined;
  }
  const nowMs = clock.now();
  const tell = (phase: 'Running' | 'Succeeded') =>
    pods.updateStatus({ ...pod, status: { ...pod.status, ...statusOf(pod, phase, nowMs) } });
  if (isFinished(pod)) return undefined;
  const isOfJob = controllerOf(pod)?.kind === 'Job';
  if (pod.status?.phase !== 'Running') await tell('Running');
  else if (isOfJob && nowMs - Date.parse(pod.status.startTime ?? '') >= jobMs) await tell('Succeeded');
  return isOfJob ? { requeueAfterMs: jobMs } : undefined;
}

export const podController = defineController<Pod, Deps>({
  name: 'simulated-pods',
  kind: PodKind,
  options: { fieldSelector: 'spec.nodeName!=' },
  concurrency: 16,
  deps: ({ resource, clock }) => ({ pods: resource(PodKind), clock }),
  reconcile,
});
