import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pod, secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import { job } from '../../test/builders/workload.ts';
import { expiresAtMs } from '../ttl-after-finished.ts';
import { nextRun, noFailures, waitMs } from './backoff.ts';
import { judgeFailure } from './failure-policy.ts';
import { formatIndexes, indexAnnotation, parseIndexes } from './indexes.ts';
import { decideOutcome } from './outcome.ts';
import { buildPod, planPods } from './pods.ts';
import { computeStatus, terminalType } from './status.ts';
import { tallyPods, trackingFinalizer } from './tally.ts';

const tracked = (name: string) => pod(name).finalizer(trackingFinalizer);
const indexed = { completionMode: 'Indexed', completions: 3, parallelism: 3 };
const atIndex = (name: string, index: number, failures = 0) =>
  tracked(name).annotations({
    [indexAnnotation]: `${index}`,
    'batch.kubernetes.io/job-index-failure-count': `${failures}`,
  });

test('indexes as text and back', () => {
  const cases: [number[], string][] = [
    [[], ''],
    [[0], '0'],
    [[0, 1], '0,1'],
    [[0, 2, 3, 4, 7], '0,2-4,7'],
  ];
  for (const [indexes, text] of cases) {
    assert.equal(formatIndexes(new Set(indexes)), text);
    assert.deepEqual([...parseIndexes(text)], indexes);
  }
  assert.deepEqual([...parseIndexes('0-5', 2)], [0, 1]);
});

describe('tallyPods()', () => {
  test('a finished pod is noted first, counted when its finalizer is gone, and never twice', () => {
    const first = tallyPods(job(), [tracked('a').succeeded().build(), tracked('b').failed().build()]);
    assert.deepEqual(first.uncounted, { succeeded: ['uid-a'], failed: ['uid-b'] });
    assert.deepEqual([first.fresh.succeeded.length, first.fresh.failed.length, first.release.length], [1, 1, 2]);
    const noted = job({}, { uncountedTerminatedPods: first.uncounted });
    const second = tallyPods(noted, [tracked('a').succeeded().build(), pod('b').failed().build()]);
    assert.deepEqual(second.uncounted, { succeeded: ['uid-a'], failed: [] });
    assert.deepEqual([second.counted, second.fresh.succeeded], [{ succeeded: 0, failed: 1 }, []]);
    const third = tallyPods(noted, []);
    assert.deepEqual(third.counted, { succeeded: 1, failed: 1 });
  });

  test('a deleted pod counts as failed unless only real failures do', () => {
    const dying = [tracked('a').running().deleting().build()];
    assert.deepEqual(tallyPods(job(), dying).uncounted.failed, ['uid-a']);
    assert.deepEqual(tallyPods(job({ podReplacementPolicy: 'Failed' }), dying).uncounted.failed, []);
  });

  test('indexes succeed and fail', () => {
    const pods = [
      atIndex('a', 0).succeeded().build(),
      atIndex('b', 1, 1).failed().build(),
      atIndex('c', 2).failed().build(),
    ];
    const tally = tallyPods(job({ ...indexed, backoffLimitPerIndex: 1 }), pods);
    assert.deepEqual([[...tally.completedIndexes], [...tally.failedIndexes]], [[0], [1]]);
  });
});

describe('judgeFailure()', () => {
  const rules = [
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
    { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
    { action: 'FailIndex', onExitCodes: { operator: 'NotIn', values: [1, 2], containerName: 'c' } },
  ];
  const policy = job({ podFailurePolicy: { rules } });
  const cases = [
    {
      exitCode: 42,
      want: {
        action: 'FailJob',
        message: 'Container c for pod default/a failed with exit code 42 matching FailJob rule at index 1',
      },
    },
    { exitCode: 1, want: { action: 'Count' } },
    { exitCode: 9, want: { action: 'FailIndex' } },
  ];
  for (const { exitCode, want } of cases) {
    test(`exit code ${exitCode}: ${want.action}`, () => {
      assert.deepEqual(judgeFailure(policy, pod('a').failed(exitCode).build()), want);
    });
  }
});

describe('decideOutcome()', () => {
  const ended = (n: number) => Array.from({ length: n }, (_, i) => tracked(`p${i}`).failed().build());
  const started = { startTime: secondsAgo(60) };
  const cases = [
    { name: 'goes on', job: job(), pods: [tracked('a').running().build()], want: undefined },
    { name: 'completes', job: job(), pods: [tracked('a').succeeded().build()], want: 'CompletionsReached' },
    {
      name: 'a work queue waits for its workers',
      job: job({ completions: undefined, parallelism: 2 }),
      pods: [tracked('a').succeeded().build(), tracked('b').running().build()],
      want: undefined,
    },
    { name: 'fails beyond the limit', job: job({ backoffLimit: 1 }), pods: ended(2), want: 'BackoffLimitExceeded' },
    {
      name: 'restarts count with OnFailure',
      job: job({ backoffLimit: 1, template: { spec: { restartPolicy: 'OnFailure' } } }),
      pods: [tracked('a').running(1).build()],
      want: 'BackoffLimitExceeded',
    },
    { name: 'runs out of time', job: job({ activeDeadlineSeconds: 60 }, started), pods: [], want: 'DeadlineExceeded' },
    { name: 'has time left', job: job({ activeDeadlineSeconds: 61 }, started), pods: [], want: undefined },
    {
      name: 'every index has ended',
      job: job({ ...indexed, backoffLimitPerIndex: 0, completions: 2 }),
      pods: [atIndex('a', 0).succeeded().build(), atIndex('b', 1).failed().build()],
      want: 'FailedIndexes',
    },
    {
      name: 'too many indexes failed',
      job: job({ ...indexed, backoffLimitPerIndex: 0, maxFailedIndexes: 0 }),
      pods: [atIndex('b', 1).failed().build()],
      want: 'MaxFailedIndexesExceeded',
    },
    {
      name: 'enough indexes succeeded',
      job: job({ ...indexed, successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] } }),
      pods: [atIndex('a', 0).succeeded().build()],
      want: 'SuccessPolicy',
    },
    {
      name: 'enough indexes succeeded, and too many pods failed',
      job: job({ ...indexed, backoffLimit: 0, successPolicy: { rules: [{ succeededIndexes: '0' }] } }),
      pods: [atIndex('a', 0).succeeded().build(), atIndex('b', 1).failed().build()],
      want: 'BackoffLimitExceeded',
    },
  ];
  for (const { name, job: subject, pods, want } of cases) {
    test(name, () => assert.equal(decideOutcome(subject, tallyPods(subject, pods), testTimeMs)?.reason, want));
  }
});

describe('planPods()', () => {
  const plan = (subject: ReturnType<typeof job>, pods: ReturnType<ReturnType<typeof pod>['build']>[]) => {
    const { create, remove } = planPods(subject, tallyPods(subject, pods));
    return { create, remove: remove.map((p) => p.metadata.name) };
  };
  const running = (name: string) => tracked(name).running().build();

  test('as many as parallelism and completions leave', () => {
    const three = job({ completions: 3, parallelism: 2 });
    assert.equal(plan(three, []).create.length, 2);
    assert.equal(plan(three, [tracked('a').succeeded().build(), tracked('b').succeeded().build()]).create.length, 1);
    assert.deepEqual(plan(job({ suspend: true }), [running('a')]), { create: [], remove: ['a'] });
  });

  test('each free index once; a second pod of an index goes', () => {
    const pods = [atIndex('a', 0).running().build(), atIndex('b', 1).failed().build()];
    assert.deepEqual(plan(job(indexed), pods).create, [1, 2]);
    const many = { ...indexed, completions: 2 ** 31 - 1, parallelism: 3 };
    assert.deepEqual(plan(job(many), pods).create, [1, 2]);
    assert.deepEqual(plan(job(indexed), [...pods, atIndex('a2', 0).running().build()]).remove, ['a2']);
  });

  test('buildPod() of an index that has failed before', () => {
    const subject = job({ ...indexed, backoffLimitPerIndex: 2 });
    const built = buildPod(subject, 1, [atIndex('b', 1, 1).failed().build()]);
    assert.equal(built.metadata.generateName, 'j-1-');
    assert.equal(built.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '2');
    assert.equal(built.spec.hostname, 'j-1');
    assert.deepEqual(
      built.spec.containers?.[0]?.env?.map((e) => e.name),
      ['JOB_COMPLETION_INDEX'],
    );
  });
});

test('back-off doubles with each failure in a row and ends with a success', () => {
  const failed = [pod('a').failed(1, 20).build(), pod('b').failed(1, 5).build()];
  const run = nextRun(noFailures, { succeeded: [], failed, ignored: [] }, testTimeMs);
  assert.deepEqual([run.count, waitMs(run, testTimeMs)], [2, 15_000]);
  assert.equal(waitMs({ count: 30, lastMs: testTimeMs }, testTimeMs), 600_000);
  assert.equal(
    nextRun(run, { succeeded: [pod('c').age(1).succeeded().build()], failed: [], ignored: [] }, testTimeMs).count,
    0,
  );
});

test('a job ends only when every pod has ended and been counted', () => {
  const outcome = { type: 'FailureTarget' as const, reason: 'R', message: 'm' };
  const nothing = { created: 0, removed: [], isManaged: false, nowMs: testTimeMs };
  const typeFor = (pods: ReturnType<ReturnType<typeof pod>['build']>[]) =>
    terminalType({ tally: tallyPods(job(), pods), outcome, ...nothing });
  assert.equal(typeFor([tracked('a').running().build()]), undefined);
  assert.equal(typeFor([tracked('a').failed().build()]), undefined);
  assert.equal(typeFor([pod('a').running().deleting().build()]), undefined);
  assert.equal(typeFor([pod('a').failed().build()]), 'Failed');
  const status = computeStatus(job(), { tally: tallyPods(job(), []), outcome, ...nothing });
  assert.deepEqual(
    status.conditions?.map((c) => c.type),
    ['FailureTarget', 'Failed'],
  );
  assert.deepEqual(status.uncountedTerminatedPods, {});
});

test('expiresAtMs()', () => {
  const conditions = [{ type: 'Complete', status: 'True', lastTransitionTime: secondsAgo(10) }];
  assert.equal(expiresAtMs(job({ ttlSecondsAfterFinished: 15 }, { conditions })), testTimeMs + 5000);
  assert.equal(expiresAtMs(job({ ttlSecondsAfterFinished: 5 }, { conditions })), testTimeMs - 5000);
  assert.equal(expiresAtMs(job({ ttlSecondsAfterFinished: 5 })), undefined);
});
