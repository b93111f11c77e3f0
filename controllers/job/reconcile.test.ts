import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Job } from '../../api/batch/job/schema.ts';
import type { Pod } from '../../api/core/pod.ts';
import { Expectations } from '../../client/expectations.ts';
import { TransportError } from '../../client/transport.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { pod, secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import { job } from '../../test/builders/workload.ts';
import { controllerMetrics } from '../metrics.ts';
import { finishedAtMs } from './backoff.ts';
import { indexAnnotation } from './indexes.ts';
import { jobController } from './job.ts';
import { jobOrphanPodController } from './orphan-pods.ts';
import { trackingFinalizer } from './tally.ts';

type Deps = Parameters<typeof jobController.reconcile>[1];

/** The controller over some pods; what it asks of the server is noted, and refused as often as `refusals` says. */
function world(pods: readonly Pod[], { refusals = 0 } = {}) {
  const done: string[] = [];
  const written: NonNullable<Job['status']> = {};
  const said: string[] = [];
  let left = refusals;
  const send = async (text: string) => {
    done.push(text);
    if (left-- > 0) throw new TransportError('connection closed');
  };
  const clock = new FakeClock(testTimeMs);
  const expectations = new Expectations(clock);
  const registry = new Registry();
  const meter = controllerMetrics(registry);
  const deps = {
    clock,
    meter,
    owned: {
      expectations,
      candidates: () => pods,
      isSettled: (owner: Job) => expectations.leftMs(owner.metadata.uid ?? '') === 0,
    },
    podClient: { patch: ({ name }: { name: string }) => send(`untrack ${name}`) },
    jobClient: {
      updateStatus: async ({ status }: Job) => {
        done.push('status');
        Object.assign(written, status);
      },
    },
    control: { delete: (_: Job, { metadata }: Pod) => send(`delete ${metadata.name}`).then(() => true) },
    runs: new Map(),
    say: (...[, , reason]: [Job, string, string]) => said.push(reason),
  } as unknown as Deps;
  return { clock, done, written, said, deps, expectations, registry };
}

const ofJob = (name: string, owner: Job) => {
  const index = { [indexAnnotation]: '0' };
  return pod(name).labels({ app: 'w' }).ownedBy(owner, 'Job').finalizer(trackingFinalizer).annotations(index);
};
const selecting = (spec: object) => job({ selector: { matchLabels: { app: 'w' } }, ...spec });

describe('jobController', () => {
  test('what could not be removed is not awaited', async () => {
    const owner = selecting({ suspend: true, parallelism: 2, completions: 2 });
    const { done, deps, expectations } = world(
      ['a', 'b'].map((name) => ofJob(name, owner).running().build()),
      { refusals: 1 },
    );
    await assert.rejects(jobController.reconcile(owner, deps), TransportError);
    expectations.deletionObserved(owner.metadata.uid ?? '', 'default/b');
    assert.equal(expectations.leftMs(owner.metadata.uid ?? '') === 0, true);
    await jobController.reconcile(owner, deps);
    assert.ok(done.includes('delete a'), done.join());
  });

  test('an index whose pod failed before any container ran gets another pod once its delay is over', async () => {
    const owner = selecting({ completionMode: 'Indexed', completions: 1, backoffLimitPerIndex: 3 });
    const rejected = ofJob('a', owner).age(5).rejected().build();
    const { deps, clock } = world([rejected]);
    assert.deepEqual(await jobController.reconcile(owner, deps), { requeueAfterMs: 5_000 });
    await clock.advance(5_000);
    assert.deepEqual(finishedAtMs(rejected, clock.now()), testTimeMs - 5_000);
  });

  test('a job does not wait for the failures of another one that had its name', async () => {
    const { deps } = world([]);
    const owner = selecting({});
    deps.runs.set(keyOf(owner), { uid: 'old', count: 5, lastMs: testTimeMs });
    const created: Pod[] = [];
    Object.assign(deps.control, { create: async (_: Job, made: Pod) => created.push(made) });
    Object.assign(deps.jobClient, { get: async () => owner });
    await jobController.reconcile(owner, deps);
    assert.equal(created.length, 1);
  });

  test('passes, pods that are written down and ends are counted', async () => {
    const owner = selecting({ parallelism: 1, completions: 1 });
    const values = async (name: string) => {
      const { values } = await registry.getSingleMetric(`job_controller_${name}_total`)!.get();
      return values.filter(({ value }) => value > 0).map(({ labels }) => Object.values(labels).sort());
    };
    const pods = [ofJob('a', owner).succeeded().build()];
    const { deps, registry } = world(pods);
    await jobController.reconcile(owner, deps);
    assert.deepEqual(await values('job_syncs'), [['NonIndexed', 'reconciling', 'success']]);
    assert.deepEqual(await values('job_pods_finished'), [['NonIndexed', 'succeeded']]);
    assert.deepEqual(await values('jobs_finished'), [], 'it has not ended before its pods are let go');
    pods.length = 0;
    const status = { uncountedTerminatedPods: {}, succeeded: 1 };
    await jobController.reconcile({ ...owner, status } as Job, deps);
    assert.deepEqual(await values('jobs_finished'), [['CompletionsReached', 'NonIndexed', 'succeeded']]);
  });

  test('a job that is being deleted holds no failed pod for the next of its index', async () => {
    const running = selecting({ completionMode: 'Indexed', completions: 1, backoffLimitPerIndex: 3 });
    const owner = { ...running, metadata: { ...running.metadata, deletionTimestamp: secondsAgo(1) } };
    const { done, deps } = world([ofJob('a', owner).failed().build()]);
    await jobController.reconcile(owner, deps);
    assert.deepEqual(done, ['status', 'untrack a']);
  });
});

describe('one pass of a job', () => {
  const three = { completionMode: 'Indexed', completions: 3, parallelism: 2 };
  const at = (builder: ReturnType<typeof ofJob>, index: string) => builder.annotations({ [indexAnnotation]: index });
  const cases: {
    name: string;
    spec: object;
    status?: object;
    pods: (owner: Job) => ReturnType<typeof ofJob>[];
    /** What the cache has not shown yet. */
    isAwaited?: boolean;
    isDeleting?: boolean;
    want: object;
    done?: string[];
    said?: string[];
  }[] = [
    {
      name: 'that has failed: what still runs counts as failed at once, and is not asked how it ends',
      spec: { backoffLimit: 0, parallelism: 3, completions: 3, podReplacementPolicy: 'Failed' },
      pods: (owner) => [ofJob('a', owner).failed(), ofJob('b', owner).ready()],
      want: { uncountedTerminatedPods: { failed: ['uid-a', 'uid-b'] }, ready: 0, terminating: 1, active: undefined },
      done: ['delete b', 'status', 'untrack a', 'untrack b'],
    },
    {
      name: 'that has succeeded by its policy: what still runs counts as nothing',
      spec: { ...three, successPolicy: { rules: [{ succeededIndexes: '0' }] } },
      pods: (owner) => [ofJob('a', owner).succeeded(), at(ofJob('b', owner), '1').running()],
      want: { uncountedTerminatedPods: {}, completedIndexes: '0', terminating: 1 },
      done: ['delete b', 'status', 'untrack a', 'untrack b'],
    },
    {
      name: 'that is being deleted lets go of every pod, and counts those that have ended',
      spec: { parallelism: 3, completions: 3 },
      isDeleting: true,
      pods: (owner) => [ofJob('a', owner).failed(), ofJob('b', owner).running()],
      want: { uncountedTerminatedPods: { failed: ['uid-a'] }, active: 1, conditions: undefined },
      done: ['status', 'untrack a', 'untrack b'],
    },
    {
      name: 'that has failed, but does not see all of its pods yet, says so later',
      spec: { backoffLimit: 0 },
      isAwaited: true,
      pods: (owner) => [ofJob('a', owner).failed()],
      want: { conditions: undefined, uncountedTerminatedPods: { failed: ['uid-a'] } },
    },
    {
      name: 'that is to pause, but does not see all of its pods yet, says so later',
      spec: { suspend: true },
      isAwaited: true,
      pods: (owner) => [ofJob('a', owner).running()],
      want: { conditions: undefined, active: 1 },
      said: [],
    },
    {
      name: 'a pod counted as failed that then succeeds counts once',
      spec: { parallelism: 2, completions: 2 },
      status: { uncountedTerminatedPods: { failed: ['uid-a'] } },
      pods: (owner) => [ofJob('a', owner).succeeded(), ofJob('b', owner).running(), ofJob('c', owner).running()],
      want: { uncountedTerminatedPods: { failed: ['uid-a'] } },
    },
    {
      name: 'pods without a valid index count as nothing',
      spec: three,
      pods: (owner) => [
        at(ofJob('a', owner), 'x').failed(),
        at(ofJob('b', owner), '8').failed(),
        ofJob('c', owner).running(),
        at(ofJob('d', owner), '1').running(),
      ],
      want: { uncountedTerminatedPods: {}, active: 2 },
      done: ['status', 'untrack a', 'untrack b'],
    },
    {
      name: 'more succeeded than were asked for',
      spec: { completions: 1 },
      status: { uncountedTerminatedPods: {}, succeeded: 2 },
      pods: () => [],
      want: { succeeded: 2 },
      said: ['TooManySucceededPods', 'Completed'],
    },
    {
      name: 'a work queue whose first worker has succeeded keeps the others, whatever its parallelism is now',
      spec: { completions: undefined, parallelism: 1 },
      pods: (owner) => [ofJob('a', owner).succeeded(), ofJob('b', owner).running(), ofJob('c', owner).running()],
      want: { active: 2 },
      done: ['status', 'untrack a'],
    },
    {
      name: 'pods that are one too many are terminating from now on, and ready no more',
      spec: { completions: 3, parallelism: 1 },
      pods: (owner) => [ofJob('a', owner).ready(), ofJob('b', owner).ready()],
      want: { active: 1, ready: 1, terminating: 1 },
    },
    {
      name: 'restarts of pods that are told to go count as well',
      spec: { backoffLimit: 1, template: { spec: { restartPolicy: 'OnFailure' } }, podReplacementPolicy: 'Failed' },
      pods: (owner) => [ofJob('a', owner).running(1).deleting()],
      want: { uncountedTerminatedPods: { failed: ['uid-a'] } },
    },
  ];
  for (const { name, spec, status, pods, isAwaited, isDeleting, want, ...told } of cases) {
    test(name, async () => {
      const { metadata, ...rest } = selecting(spec);
      const deleting = isDeleting ? { deletionTimestamp: secondsAgo(1) } : {};
      const owner = { ...rest, metadata: { ...metadata, ...deleting }, ...(status && { status }) } as Job;
      const { deps, done, said, written, expectations } = world(pods(owner).map((p) => p.build()));
      if (isAwaited) expectations.expectCreations(metadata.uid ?? '', 1);
      await jobController.reconcile(owner, deps);
      const got = Object.fromEntries(Object.keys(want).map((key) => [key, written[key as keyof typeof written]]));
      assert.deepEqual(
        { ...got, done: told.done && done, said: told.said && said },
        { ...want, done: told.done, said: told.said },
      );
    });
  }
});

test('pods that no job will count are let go', async () => {
  const owner = selecting({});
  const cases: [string, Pod, Job | undefined, string[]][] = [
    ['its job is there', ofJob('a', owner).build(), owner, []],
    ['its job is gone', ofJob('a', owner).build(), undefined, ['untrack a']],
    [
      'another job has taken the name',
      ofJob('a', { ...owner, metadata: { uid: 'old' } }).build(),
      owner,
      ['untrack a'],
    ],
    ['it was orphaned', pod('a').finalizer(trackingFinalizer).build(), owner, ['untrack a']],
    ['it waits for nothing', pod('a').build(), undefined, []],
  ];
  for (const [name, subject, present, want] of cases) {
    const { done, deps } = world([]);
    const jobs = { get: () => present };
    await jobOrphanPodController.reconcile(subject, { jobs, patch: deps.podClient.patch } as never);
    assert.deepEqual(done, want, name);
  }
});
