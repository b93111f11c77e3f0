// The whole control plane in one process: controllers and scheduler, two replicas of each, over an API whose calls fail,
// with a time of its own. They are killed at writes, cut off and replaced; watches lag, break and forget; in some lives
// nodes are lost and come back; and somebody changes everything meanwhile. The rules hold at every write, and once it is quiet everything is as it was asked for.
//   K8TS_FUZZ_SEED=17 repeats a run, K8TS_FUZZ_SECONDS=600 looks for new ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { DaemonSetKind } from '../../api/apps/daemonset.ts';
import { type Deployment, DeploymentKind } from '../../api/apps/deployment.ts';
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
import { nodeLifecycleDefaults } from '../../controllers/node/node-lifecycle.ts';
import { keepRunning } from '../../controllers/run.ts';
import { realClock } from '../../machinery/clock.ts';
import { controllerOf, keyOf } from '../../machinery/metadata.ts';
import { clusterInformers } from '../../scheduler/cache/informers.ts';
import { PodGroups } from '../../scheduler/cache/pod-groups.ts';
import { VolumeCache } from '../../scheduler/cache/volumes.ts';
import { defaultBackoff } from '../../scheduler/config/configuration.ts';
import { buildProfiles } from '../../scheduler/config/profiles.ts';
import { SchedulerMetrics } from '../../scheduler/metrics.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { Draw, fuzz } from '../environment/fuzz.ts';
import { Kubelets } from './kubelets.ts';
import { graceMs, Nodes, nodeCount } from './nodes.ts';
import { Kept } from './process.ts';
import { hasJobEnded, Rules } from './rules.ts';
import { User } from './user.ts';
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
const ofNodes = ['nodelifecycle', 'taint-eviction-controller'];
const roughMs = 40_000;
/** A lost node is missed only after a while. */
const roughMsOfLosses = 90_000;
/** A schedule fires once a minute. */
const roughMsOfSchedules = 150_000;
const quietMs = 15 * 60_000;
const seeds = 100;
/** A slow machine sees fewer of them. */
const boxMs = 75_000;

function runControllers(context: ControllerContext, chosen: readonly string[]): void {
  const nodeLifecycle = { ...nodeLifecycleDefaults, graceMs, rate: 1 };
  for (const loop of selectLoops(createControllers({ nodeLifecycle }), chosen)) void keepRunning(loop, context);
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

const compare = (what: string, is: number | undefined, wanted: number) =>
  (is ?? 0) === wanted ? [] : [`${what}: ${is ?? 0} of ${wanted}`];

function unfinishedDeployments(world: World, which: (deployment: Deployment) => boolean = () => true): string[] {
  return world
    .all<Deployment>(DeploymentKind)
    .filter(which)
    .flatMap(({ metadata, spec: { replicas = 1 }, status = {} }) => [
      ...compare(`deployment ${metadata.name}`, status.replicas, replicas),
      ...compare(`deployment ${metadata.name}, available`, status.availableReplicas, replicas),
      ...compare(`deployment ${metadata.name}, updated`, status.updatedReplicas, replicas),
    ]);
}

/** What still counts on a node that is lost, and what is left of one that was removed. */
function leftBehind(world: World, nodes: Nodes): string[] {
  const isLeft = ({ metadata, spec: { nodeName = '' } }: Pod) =>
    nodes.isLost(nodeName) &&
    (nodes.isRemoved(nodeName) || (!metadata.deletionTimestamp && controllerOf({ metadata })?.kind === 'ReplicaSet'));
  // Who recreates, and who goes after its pods, waits until the last of them is known to be gone.
  const waits = ({ metadata, spec }: Deployment) => metadata.deletionTimestamp || spec.strategy?.type === 'Recreate';
  const unfinished = unfinishedDeployments(world, (deployment) => !waits(deployment));
  return [...unfinished, ...world.all<Pod>(PodKind).filter(isLeft).map(keyOf)];
}

/** What is not yet as it was asked for. */
function unfinished(world: World): string[] {
  const left = unfinishedDeployments(world);
  const expect = (...what: Parameters<typeof compare>) => left.push(...compare(...what));
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
  const nodes = new Nodes(world);
  const kubelets = new Kubelets(world, nodes);
  const rules = new Rules(world, kubelets, nodes);
  const user = new User(world, nodes);
  const chosen = nodes.areMortal ? [...names, ...ofNodes] : names;
  const step = async () => {
    await nodes.step();
    await kubelets.step();
  };
  const until = async (what: string, left: () => string[]) => {
    for (const endMs = world.nowMs + quietMs; left().length > 0; ) {
      if (world.nowMs > endMs) assert.deepEqual(left(), [], what);
      await world.pass(1_000, step);
    }
  };
  try {
    await user.begin();
    const kept = ['a', 'b'].flatMap((replica) => [
      new Kept(world, `controllers-${replica}`, 'kube-controller-manager', (context) =>
        runControllers(context, chosen),
      ),
      new Kept(world, `scheduler-${replica}`, 'kube-scheduler', runScheduler),
    ]);
    let nextMs = world.nowMs;
    await world.pass(user.hasSchedule ? roughMsOfSchedules : nodes.areMortal ? roughMsOfLosses : roughMs, async () => {
      await step();
      if (world.nowMs < nextMs) return;
      nextMs = world.nowMs + 300 + draw.below(3_000);
      const chance = draw.below(12);
      if (chance === 0) draw.of(kept).kill();
      else if (chance === 1) draw.of(kept).cut(draw.below(20_000));
      else if (chance === 2 && nodes.areMortal) nodes.lose();
      else if (chance === 3 && nodes.areMortal) nodes.remove();
      else await user.act();
    });
    world.note('quiet');
    world.isRough = false;
    await user.leave();
    if (nodes.areMortal) await world.pass(5_000, step);
    nodes.keepOne();
    await until('pods on a lost node have no others in their places', () => leftBehind(world, nodes));
    for (const name of nodes.lost) nodes.back(name);
    await world.pass(1_000, step);
    await until('what was asked for has not come', () => [...unfinished(world), ...rules.orphans()]);
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
