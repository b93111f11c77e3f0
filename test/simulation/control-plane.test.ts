// The whole control plane in one process: controllers and scheduler, two replicas of each, over an API whose calls fail,
// with a time of its own. They are killed at writes, cut off and replaced; watches lag, break and forget; and somebody
// changes everything meanwhile. The rules hold at every write, and once it is quiet everything is as it was asked for.
//   K8TS_FUZZ_SEED=17 repeats a run, K8TS_FUZZ_SECONDS=600 looks for new ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { DaemonSetKind } from '../../api/apps/daemonset.ts';
import { DeploymentKind } from '../../api/apps/deployment.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { ResourceQuota } from '../../api/core/resourcequota/schema.ts';
import { ResourceQuotaKind } from '../../api/core/resourcequota.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { createControllers } from '../../controllers/index.ts';
import { selectLoops } from '../../controllers/names.ts';
import { keepRunning } from '../../controllers/run.ts';
import { realClock } from '../../machinery/clock.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { clusterInformers } from '../../scheduler/cache/informers.ts';
import { PodGroups } from '../../scheduler/cache/pod-groups.ts';
import { VolumeCache } from '../../scheduler/cache/volumes.ts';
import { defaultBackoff } from '../../scheduler/config/configuration.ts';
import { buildProfiles } from '../../scheduler/config/profiles.ts';
import { SchedulerMetrics } from '../../scheduler/metrics.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { Draw, fuzz } from '../environment/fuzz.ts';
import { Kubelets } from './kubelets.ts';
import { Kept } from './process.ts';
import { hasJobEnded, Rules } from './rules.ts';
import { nodeCount, User } from './user.ts';
import { startWorld, type World } from './world.ts';

const names = [
  'replicaset',
  'deployment',
  'statefulset',
  'daemonset',
  'job',
  'cronjob',
  'resourcequota',
  'disruption',
  'garbagecollector',
  'podgc',
  'persistentvolume-binder',
];
const roughMs = 40_000;
/** A schedule fires once a minute. */
const roughMsOfSchedules = 150_000;
const quietMs = 15 * 60_000;
const seeds = 100;
/** A slow machine sees fewer of them. */
const boxMs = 60_000;

function runControllers(context: ControllerContext): void {
  for (const loop of selectLoops(createControllers({}), names)) void keepRunning(loop, context);
}

function runScheduler(context: ControllerContext): void {
  const { client, clock, random, log, informer } = context;
  const { storage, groups, ...seen } = clusterInformers(informer);
  const scheduler = new Scheduler(
    {
      client,
      ...seen,
      volumes: new VolumeCache(client, clock, storage),
      groups: new PodGroups(groups),
      metrics: new SchedulerMetrics(new Registry()),
      clock,
      random,
      log,
      backoff: defaultBackoff,
    },
    buildProfiles({}).map((profile) => ({ ...profile, recorder: { event: () => undefined } })),
  );
  void scheduler.start();
  context.signal.addEventListener('abort', () => scheduler.stop());
}

/** What is not yet as it was asked for. */
function unfinished(world: World): string[] {
  const left: string[] = [];
  const expect = (what: string, is: number | undefined, wanted: number) => {
    if ((is ?? 0) !== wanted) left.push(`${what}: ${is ?? 0} of ${wanted}`);
  };
  for (const { metadata, spec, status = {} } of world.all(DeploymentKind)) {
    expect(`deployment ${metadata.name}`, status.replicas, spec.replicas ?? 1);
    expect(`deployment ${metadata.name}, available`, status.availableReplicas, spec.replicas ?? 1);
    expect(`deployment ${metadata.name}, updated`, status.updatedReplicas, spec.replicas ?? 1);
  }
  for (const { metadata, spec, status } of world.all(StatefulSetKind)) {
    expect(`statefulset ${metadata.name}`, status?.readyReplicas, spec.replicas ?? 1);
    expect(`statefulset ${metadata.name}, all`, status?.replicas, spec.replicas ?? 1);
    if (status?.currentRevision !== status?.updateRevision) left.push(`statefulset ${metadata.name} is updated`);
  }
  for (const { metadata, status } of world.all(DaemonSetKind)) {
    expect(`daemonset ${metadata.name}`, status?.numberReady, nodeCount);
    expect(`daemonset ${metadata.name}, updated`, status?.updatedNumberScheduled, nodeCount);
  }
  for (const job of world.all<Job>(JobKind)) {
    if (!hasJobEnded(job)) left.push(`job ${job.metadata.name} runs`);
  }
  for (const { status } of world.all<ResourceQuota>(ResourceQuotaKind)) {
    const pods = world.all<Pod>(PodKind).filter((pod) => !isFinished(pod)).length;
    expect('pods that the quota counts', Number(status?.used?.pods), pods);
  }
  for (const kind of [DeploymentKind, StatefulSetKind, DaemonSetKind, JobKind, PodKind]) {
    for (const object of world.all<Pod>(kind as never)) {
      if (object.metadata.deletionTimestamp) left.push(`${kind.kind} ${keyOf(object)} goes`);
      else if (object.metadata.finalizers?.includes('batch.kubernetes.io/job-tracking'))
        left.push(`${keyOf(object)} is tracked`);
    }
  }
  return left;
}

/** One life of a control plane. */
async function play(draw: Draw): Promise<World> {
  const world = await startWorld(draw);
  const kubelets = new Kubelets(world);
  const rules = new Rules(world, kubelets);
  const user = new User(world);
  try {
    await user.begin();
    const kept = ['a', 'b'].flatMap((replica) => [
      new Kept(world, `controllers-${replica}`, 'kube-controller-manager', runControllers),
      new Kept(world, `scheduler-${replica}`, 'kube-scheduler', runScheduler),
    ]);
    let nextMs = world.nowMs;
    await world.pass(user.hasSchedule ? roughMsOfSchedules : roughMs, async () => {
      await kubelets.step();
      if (world.nowMs < nextMs) return;
      nextMs = world.nowMs + 300 + draw.below(3_000);
      const chance = draw.below(12);
      if (chance === 0) draw.of(kept).kill();
      else if (chance === 1) draw.of(kept).cut(draw.below(20_000));
      else await user.act();
    });
    world.note('quiet');
    world.isRough = false;
    await user.leave();
    const untilMs = world.nowMs + quietMs;
    let left: string[];
    do {
      await world.pass(1_000, () => kubelets.step());
      left = [...unfinished(world), ...rules.orphans()];
      if (world.nowMs > untilMs) assert.deepEqual(left, [], 'what was asked for has not come');
    } while (left.length > 0);
    if (!user.hasChangedJob) for (const job of world.all<Job>(JobKind)) rules.exactCounts(job);
    for (const one of kept) one.stop();
  } catch (err) {
    throw new Error(world.trace.slice(-250).join('\n'), { cause: err });
  }
  return world;
}

test('the rules hold, and what was asked for comes', async () => {
  if (process.env.K8TS_FUZZ_SECONDS || process.env.K8TS_FUZZ_SEED) {
    await fuzz(async (draw) => {
      const { trace } = await play(draw);
      if (process.env.K8TS_TEST_LOG) console.log(trace.join('\n'));
    });
    return;
  }
  const endMs = realClock.monotonicMs() + boxMs;
  let seed = 1;
  for (; seed <= seeds && realClock.monotonicMs() < endMs; seed++) {
    await play(new Draw(seed)).catch((err) => {
      throw new Error(`again by K8TS_FUZZ_SEED=${seed}`, { cause: err });
    });
  }
  console.log(`${seed - 1} lives`);
});
