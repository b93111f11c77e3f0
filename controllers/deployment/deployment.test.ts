import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import { secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import { deployment, replicaSet, template } from '../../test/builders/workload.ts';
import { resolveIntOrPercent } from '../int-or-percent.ts';
import { hashTemplate } from '../template-hash.ts';
import { maxSurgeOf, maxUnavailableOf } from './fence.ts';
import { buildNewSet, type SetEffects, syncNewSet } from './replica-sets.ts';
import { findNewSet, newSetAnnotations, planCleanup } from './revision.ts';
import { isScalingEvent, newSetReplicas, planOldSets, planScale } from './scale-plan.ts';
import { computeRolloutStatus, deadlineInMs, pauseCondition } from './status.ts';

const rolling = (replicas: number, maxSurge: number | string, maxUnavailable: number | string) =>
  deployment({ replicas, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } });
const show = (scales: readonly { set: { metadata: { name?: string } }; replicas: number }[]) =>
  Object.fromEntries(scales.map(({ set, replicas }) => [set.metadata.name, replicas]));
const annotated = (desired: number, max: number) => ({
  annotations: {
    'deployment.kubernetes.io/desired-replicas': String(desired),
    'deployment.kubernetes.io/max-replicas': String(max),
  },
});

test('resolveIntOrPercent()', () => {
  assert.deepEqual(
    [resolveIntOrPercent(3, 10, 'up'), resolveIntOrPercent('25%', 10, 'up'), resolveIntOrPercent('25%', 10, 'down')],
    [3, 3, 2],
  );
});

describe('fence', () => {
  const cases: [string, number, number | string, number | string, number, number][] = [
    ['percentages round apart', 10, '25%', '25%', 3, 2],
    ['both rounding to nothing lets one be missing', 1, 0, '25%', 0, 1],
    ['no more missing than there are', 2, 0, 5, 0, 2],
    ['nothing is missing of nothing', 0, 1, 1, 1, 0],
  ];
  for (const [name, replicas, surge, unavailable, wantSurge, wantUnavailable] of cases) {
    test(name, () => {
      const d = rolling(replicas, surge, unavailable);
      assert.deepEqual([maxSurgeOf(d), maxUnavailableOf(d)], [wantSurge, wantUnavailable]);
    });
  }
});

describe('newSetReplicas()', () => {
  const cases = [
    { name: 'a first set takes all', d: rolling(10, 0, 1), current: undefined, old: 0, want: 10 },
    { name: 'grows by the surge', d: rolling(10, 3, 0), current: 0, old: 10, want: 3 },
    { name: 'grows as the old shrinks', d: rolling(10, 3, 0), current: 3, old: 8, want: 5 },
    { name: 'no room, no growth', d: rolling(10, 0, 2), current: 2, old: 8, want: 2 },
    { name: 'shrinks to what is wanted', d: rolling(4, 1, 1), current: 6, old: 0, want: 4 },
  ];
  for (const { name, d, current, old, want } of cases) {
    test(name, () => {
      const newSet = current === undefined ? undefined : replicaSet('new', current);
      assert.equal(newSetReplicas(d, newSet, [replicaSet('old', old)]), want);
    });
  }
});

test('a new set does not grow while somebody may still make pods of the size that an old one had', () => {
  const seen = replicaSet('old', 3);
  const unseen = { ...seen, metadata: { ...seen.metadata, generation: 2 } };
  const [d, newSet] = [rolling(4, 1, 1), replicaSet('new', 1)];
  assert.equal(newSetReplicas(d, newSet, [seen]), 2);
  assert.equal(newSetReplicas(d, newSet, [unseen]), 1);
  assert.equal(newSetReplicas(d, undefined, [unseen]), 0);
});

describe('planOldSets()', () => {
  const cases = [
    {
      name: 'keeps the minimum available',
      d: rolling(10, 3, 0),
      newSet: replicaSet('new', 3, { available: 0 }),
      old: [replicaSet('old', 10)],
      want: {},
    },
    {
      name: 'gives up as many as the new set serves',
      d: rolling(10, 3, 0),
      newSet: replicaSet('new', 3),
      old: [replicaSet('old', 10)],
      want: { old: 7 },
    },
    {
      name: 'unavailable pods go first',
      d: rolling(10, 0, 2),
      newSet: replicaSet('new', 0),
      old: [replicaSet('a', 8), replicaSet('b', 2, { available: 0 })],
      want: { b: 0 },
    },
    {
      name: 'nothing left to give',
      d: rolling(3, 1, 1),
      newSet: replicaSet('new', 3),
      old: [replicaSet('old', 0)],
      want: {},
    },
  ];
  for (const { name, d, newSet, old, want } of cases) {
    test(name, () => assert.deepEqual(show(planOldSets(d, newSet, old)), want));
  }
});

describe('planScale()', () => {
  test('the only set with pods takes all', () => {
    assert.deepEqual(show(planScale(rolling(5, 1, 1), replicaSet('new', 2), [replicaSet('old', 0)])), { new: 5 });
  });

  test('a saturated new set lets the others go', () => {
    const newSet = replicaSet('new', 5, { metadata: annotated(5, 6) });
    assert.deepEqual(show(planScale(rolling(5, 1, 1), newSet, [replicaSet('old', 1)])), { old: 0 });
  });

  test('several grow in proportion, the rest goes to the largest', () => {
    const newSet = replicaSet('new', 5, { metadata: annotated(10, 13) });
    const old = replicaSet('old', 8, { metadata: annotated(10, 13) });
    assert.deepEqual(show(planScale(rolling(20, 3, 2), newSet, [old])), { old: 14, new: 9 });
  });

  test('several shrink in proportion', () => {
    const newSet = replicaSet('new', 5, { metadata: annotated(10, 13) });
    const old = replicaSet('old', 8, { metadata: annotated(10, 13) });
    assert.deepEqual(show(planScale(rolling(5, 3, 2), newSet, [old])), { old: 5, new: 3 });
  });

  test('sets that have the right size already are told of the new one, or the scaling would never end', () => {
    const only = replicaSet('only', 5, { metadata: annotated(3, 4) });
    assert.deepEqual(show(planScale(rolling(5, 1, 1), only, [])), { only: 5 });
    const sets = [2, 1].map((size) => replicaSet(`of-${size}`, size, { metadata: annotated(3, 4) }));
    const recreating = deployment({ replicas: 5, strategy: { type: 'Recreate' } });
    assert.deepEqual(show(planScale(recreating, sets[0], sets.slice(1))), { 'of-2': 2, 'of-1': 1 });
  });

  test('isScalingEvent() sees a size that the sets do not know', () => {
    const sets = [replicaSet('new', 5, { metadata: annotated(5, 6) })];
    assert.deepEqual([isScalingEvent(rolling(5, 1, 1), sets), isScalingEvent(rolling(6, 1, 1), sets)], [false, true]);
    const annotations = { 'deployment.kubernetes.io/desired-replicas': 'five' };
    assert.equal(isScalingEvent(rolling(5, 1, 1), [replicaSet('new', 5, { metadata: { annotations } })]), false);
  });
});

describe('revisions', () => {
  test('equal templates are one revision, whatever their hash label', () => {
    const sets = [replicaSet('a', 1, { image: 'img:0' }), replicaSet('b', 1)];
    assert.equal(findNewSet(deployment(), sets)?.metadata.name, 'b');
  });

  test('the hash depends on the template and the collisions, not on the order of keys', () => {
    const { metadata, spec } = template();
    const hash = hashTemplate({ metadata, spec });
    assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
    assert.equal(hashTemplate({ spec, metadata }), hash);
    assert.notEqual(hashTemplate({ metadata, spec }, 1), hash);
    assert.notEqual(hashTemplate(template('img:2')), hash);
  });

  test('annotations: copied, numbered, with their history', () => {
    const d = deployment({}, { metadata: { annotations: { note: 'x', 'deployment.kubernetes.io/revision': '9' } } });
    assert.deepEqual(newSetAnnotations(d, undefined, 1n), { note: 'x', 'deployment.kubernetes.io/revision': '1' });
    const again = newSetAnnotations(d, { 'deployment.kubernetes.io/revision': '1' }, 3n);
    assert.equal(again['deployment.kubernetes.io/revision-history'], '1');
    assert.equal(again['deployment.kubernetes.io/revision'], '3');
    assert.deepEqual(newSetAnnotations(d, again, 3n), again);
  });

  test('a revision beyond 2^53 is followed by the next one', async () => {
    const annotations = { 'deployment.kubernetes.io/revision': '3546343826724305832' };
    const old = replicaSet('old', 0, { image: 'img:0', metadata: { annotations } });
    const made: ReplicaSet[] = [];
    const effects = {
      sets: { create: async (set: ReplicaSet) => made[made.push(set) - 1] },
      deployments: { updateStatus: async (d: Deployment) => d },
      say: () => undefined,
      nowMs: () => testTimeMs,
    } as unknown as SetEffects;
    await syncNewSet(effects, deployment(), { sets: [old], create: true });
    const next = '3546343826724305833';
    assert.equal(made[0]?.metadata.annotations?.['deployment.kubernetes.io/revision'], next);
  });

  test('buildNewSet() names, labels and selects by the hash', () => {
    const set = buildNewSet(deployment({ replicas: 3 }), [], 1n);
    const hash = set.metadata.labels?.['pod-template-hash'] ?? '';
    assert.equal(set.metadata.name, `w-${hash}`);
    assert.deepEqual(set.spec.selector, { matchLabels: { app: 'w', 'pod-template-hash': hash } });
    assert.equal(set.spec.replicas, 3);
    assert.equal(set.metadata.annotations?.['deployment.kubernetes.io/max-replicas'], '4');
  });

  test('planCleanup() keeps the limit and what still has pods', () => {
    const old = [1, 2, 3].map((n) =>
      replicaSet(`r${n}`, n === 1 ? 1 : 0, {
        metadata: { annotations: { 'deployment.kubernetes.io/revision': `${n}` } },
      }),
    );
    const doomed = planCleanup(deployment({ revisionHistoryLimit: 1 }), old);
    assert.deepEqual(
      doomed.map((s) => s.metadata.name),
      ['r2'],
    );
  });
});

describe('status', () => {
  const progressing = (reason: string, ago: number, status = 'True') => ({
    conditions: [
      { type: 'Progressing', status, reason, lastUpdateTime: secondsAgo(ago), lastTransitionTime: secondsAgo(ago) },
    ],
  });
  const reasons = (d: ReturnType<typeof deployment>, sets: ReturnType<typeof replicaSet>[]) =>
    computeRolloutStatus(d, sets, { newSet: sets[0], nowMs: testTimeMs }).conditions?.map(
      (c) => `${c.type} ${c.reason}`,
    );

  test('complete', () => {
    assert.deepEqual(reasons(deployment({ replicas: 2 }), [replicaSet('new', 2)]), [
      'Available MinimumReplicasAvailable',
      'Progressing NewReplicaSetAvailable',
    ]);
  });

  test('on its way', () => {
    assert.deepEqual(
      reasons(deployment({ replicas: 4 }), [replicaSet('new', 2, { available: 0 }), replicaSet('old', 2)]),
      ['Available MinimumReplicasUnavailable', 'Progressing ReplicaSetUpdated'],
    );
  });

  test('late', () => {
    const status = { ...progressing('ReplicaSetUpdated', 700), replicas: 1, updatedReplicas: 1 };
    const d = deployment({}, { status });
    assert.deepEqual(reasons(d, [replicaSet('new', 1, { available: 0 })]), [
      'Available MinimumReplicasUnavailable',
      'Progressing ProgressDeadlineExceeded',
    ]);
    assert.equal(
      deadlineInMs(
        deployment({}, { status: progressing('ReplicaSetUpdated', 500) }),
        progressing('ReplicaSetUpdated', 500),
        testTimeMs,
      ),
      100_000,
    );
  });

  test('no deadline runs while it is paused', () => {
    const status = progressing('DeploymentPaused', 700);
    assert.equal(deadlineInMs(deployment({ paused: true }, { status }), status, testTimeMs), undefined);
  });

  test('pause and resume are told once', () => {
    const reasonOf = (paused: boolean, reason: string) =>
      pauseCondition(deployment({ paused }, { status: progressing(reason, 1) }), testTimeMs)?.reason;
    assert.deepEqual(
      [
        reasonOf(true, 'x'),
        reasonOf(true, 'DeploymentPaused'),
        reasonOf(false, 'DeploymentPaused'),
        reasonOf(false, 'x'),
      ],
      ['DeploymentPaused', undefined, 'DeploymentResumed', undefined],
    );
  });
});
