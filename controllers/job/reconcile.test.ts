import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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
  let left = refusals;
  const send = async (text: string) => {
    done.push(text);
    if (left-- > 0) throw new TransportError('connection closed');
  };
  const clock = new FakeClock(testTimeMs);
  const expectations = new Expectations(clock);
  const meter = controllerMetrics();
  const deps = {
    clock,
    meter,
    owned: {
      expectations,
      candidates: () => pods,
      isSettled: (owner: Job) => expectations.leftMs(owner.metadata.uid ?? '') === 0,
    },
    podClient: { patch: ({ name }: { name: string }) => send(`untrack ${name}`) },
    jobClient: { updateStatus: async () => done.push('status') },
    control: { delete: (_: Job, { metadata }: Pod) => send(`delete ${metadata.name}`).then(() => true) },
    runs: new Map(),
    say: () => undefined,
  } as unknown as Deps;
  return { clock, done, deps, expectations, meter };
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
    const values = async (of: 'jobSyncs' | 'jobPodsFinished' | 'jobsFinished') =>
      (await meter[of].get()).values.filter(({ value }) => value > 0).map(({ labels }) => Object.values(labels).sort());
    const pods = [ofJob('a', owner).succeeded().build()];
    const { deps, meter } = world(pods);
    await jobController.reconcile(owner, deps);
    assert.deepEqual(await values('jobSyncs'), [['NonIndexed', 'reconciling', 'success']]);
    assert.deepEqual(await values('jobPodsFinished'), [['NonIndexed', 'succeeded']]);
    assert.deepEqual(await values('jobsFinished'), [], 'it has not ended before its pods are let go');
    pods.length = 0;
    const status = { uncountedTerminatedPods: {}, succeeded: 1 };
    await jobController.reconcile({ ...owner, status } as Job, deps);
    assert.deepEqual(await values('jobsFinished'), [['CompletionsReached', 'NonIndexed', 'succeeded']]);
  });

  test('a job that is being deleted holds no failed pod for the next of its index', async () => {
    const running = selecting({ completionMode: 'Indexed', completions: 1, backoffLimitPerIndex: 3 });
    const owner = { ...running, metadata: { ...running.metadata, deletionTimestamp: secondsAgo(1) } };
    const { done, deps } = world([ofJob('a', owner).failed().build()]);
    await jobController.reconcile(owner, deps);
    assert.deepEqual(done, ['status', 'untrack a']);
  });
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
