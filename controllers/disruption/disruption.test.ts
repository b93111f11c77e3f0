import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { PodDisruptionBudget } from '../../api/policy/poddisruptionbudget.ts';
import { conflictError } from '../../machinery/errors.ts';
import { deepFreeze } from '../../machinery/json.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { pod, secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import { deployment, replicaSet } from '../../test/builders/workload.ts';
import { disruptionController, showSelector } from './disruption.ts';
import { expectedScale, type ScaleSources } from './expected-scale.ts';
import { staleInMs } from './stale-condition.ts';
import { computeStatus, countHealthy, desiredHealthy, disruptedPods, failSafeStatus } from './status.ts';

function budget(spec: object, status: object = {}): PodDisruptionBudget {
  const metadata = { name: 'b', namespace: 'default', uid: 'uid-b', generation: 2 };
  return deepFreeze({ metadata, spec: { selector: {}, ...spec }, status } as PodDisruptionBudget);
}

describe('desiredHealthy()', () => {
  const cases: [object, number, number][] = [
    [{ minAvailable: 2 }, 5, 2],
    [{ minAvailable: '50%' }, 5, 3],
    [{ minAvailable: '0%' }, 5, 0],
    [{ maxUnavailable: 2 }, 5, 3],
    [{ maxUnavailable: '30%' }, 5, 3],
    [{ maxUnavailable: 7 }, 5, 0],
    [{}, 5, 0],
  ];
  for (const [spec, expected, wanted] of cases) {
    test(`${JSON.stringify(spec)} of ${expected} pods: ${wanted}`, () => {
      assert.equal(desiredHealthy(budget(spec), expected), wanted);
    });
  }
});

test('evictions on their way are not healthy; those that never came are overdue after two minutes', () => {
  const times = { fresh: secondsAgo(20), late: secondsAgo(121), going: secondsAgo(5), gone: secondsAgo(5) };
  const pods = [
    pod('fresh').ready().build(),
    pod('late').ready().build(),
    pod('going').ready().deleting().build(),
    pod('other').ready().build(),
    pod('unready').running().build(),
  ];
  const { disrupted, overdue, nextInMs } = disruptedPods(budget({}, { disruptedPods: times }), pods, testTimeMs);
  assert.deepEqual(disrupted, { fresh: times.fresh });
  assert.deepEqual(
    overdue.map((p) => p.metadata.name),
    ['late'],
  );
  assert.equal(nextInMs, 100_000);
  assert.equal(countHealthy(pods, disrupted), 2);
});

describe('computeStatus()', () => {
  const counts = { expected: 4, healthy: 4, desired: 3, disrupted: {} };
  const earlier = secondsAgo(60);
  const condition = (status: string, reason: string, lastTransitionTime: string) => ({
    type: 'DisruptionAllowed',
    status,
    reason,
    message: '',
    observedGeneration: 2,
    lastTransitionTime,
  });

  test('what is above the budget may go', () => {
    assert.deepEqual(computeStatus(budget({}), counts, testTimeMs), {
      conditions: [condition('True', 'SufficientPods', secondsAgo(0))],
      currentHealthy: 4,
      desiredHealthy: 3,
      disruptionsAllowed: 1,
      expectedPods: 4,
      observedGeneration: 2,
    });
  });

  test('the condition keeps its place, and its time as long as its status', () => {
    const other = { type: 'X', status: 'True', reason: 'Y', message: '', lastTransitionTime: earlier };
    const failed = { ...condition('False', 'SyncFailed', earlier), message: 'no', observedGeneration: 1 };
    const before = budget({}, { conditions: [failed, other] });
    const { conditions, disruptionsAllowed } = computeStatus(before, { ...counts, healthy: 2 }, testTimeMs);
    assert.equal(disruptionsAllowed, 0);
    assert.deepEqual(conditions, [condition('False', 'InsufficientPods', earlier), other]);
  });

  test('nothing may go where nothing is expected', () => {
    const { disruptionsAllowed } = computeStatus(budget({}), { ...counts, expected: 0, desired: 0 }, testTimeMs);
    assert.equal(disruptionsAllowed, 0);
  });

  test('what cannot be known keeps its numbers, and lets nothing go', () => {
    const before = {
      currentHealthy: 3,
      desiredHealthy: 1,
      disruptionsAllowed: 2,
      expectedPods: 3,
      observedGeneration: 1,
    };
    const { conditions, ...rest } = failSafeStatus(budget({}, before), 'why', testTimeMs);
    assert.deepEqual(rest, { ...before, disruptionsAllowed: 0 });
    const expected = { ...condition('False', 'SyncFailed', secondsAgo(0)), message: 'why', observedGeneration: 1 };
    assert.deepEqual(conditions, [expected]);
  });
});

describe('expectedScale()', () => {
  const owner = (kind: string, name: string) => [
    { apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true },
  ];
  const above = deployment({ replicas: 4 });
  const old = replicaSet('old', 1, { metadata: { ownerReferences: owner('Deployment', 'w') } });
  const rolled = replicaSet('new', 3, { metadata: { ownerReferences: owner('Deployment', 'w') } });
  const alone = replicaSet('alone', 2);
  const find = (...objects: any[]) => ({
    get: (key: string) => objects.find((o) => `default/${o.metadata.name}` === key),
  });
  const sources: ScaleSources = {
    deployments: find(above),
    replicaSets: find(old, rolled, alone),
    statefulSets: find(),
    replicationControllers: find(),
    readScale: async ({ name, uid }) => (name === 'custom' ? { uid, replicas: 7 } : undefined),
  };
  const of = (set: { metadata: { name?: string } }, name: string) => pod(name).ownedBy(set).build();
  const custom = { metadata: { name: 'custom', uid: 'uid-custom' } };
  const cases: [string, Pod[], number, string[]][] = [
    ['a deployment counts once, over all its sets', [of(old, 'a'), of(rolled, 'b'), of(rolled, 'c')], 4, []],
    ['a set of its own', [of(alone, 'a'), of(alone, 'b')], 2, []],
    ['any kind with a scale', [pod('a').ownedBy(custom, 'Thing').build(), of(alone, 'b')], 9, []],
    ['pods without a controller do not count', [of(alone, 'a'), pod('free').build()], 2, ['free']],
  ];
  for (const [name, pods, expected, unmanaged] of cases) {
    test(name, async () => assert.deepEqual(await expectedScale(pods, sources), { expected, unmanaged }));
  }
  test('a controller that is gone, or another of its name, cannot be asked', async () => {
    const another = { metadata: { name: 'alone', uid: 'before' } };
    await assert.rejects(expectedScale([of(another, 'p')], sources), /^Error: found no controllers for pod "p"$/);
  });
});

test('the numbers being unknown, nothing is allowed; a newer status is not overrun', async () => {
  const run = async (readScale: ScaleSources['readScale'], updateStatus: (b: PodDisruptionBudget) => unknown) => {
    const events: string[] = [];
    const deps = {
      clock: new FakeClock(testTimeMs),
      sources: { readScale },
      pods: {
        inNamespace: () => [
          pod('p')
            .ownedBy({ metadata: { name: 'x', uid: 'x' } }, 'X')
            .build(),
        ],
      },
      updateStatus: async (b: PodDisruptionBudget) => updateStatus(b),
      say: (_: object, type: string, reason: string, message: string) => events.push(`${type} ${reason} ${message}`),
    } as unknown as Parameters<typeof disruptionController.reconcile>[1];
    await disruptionController.reconcile(budget({ maxUnavailable: 1 }), deps);
    return events;
  };
  const written: PodDisruptionBudget[] = [];
  assert.deepEqual(
    await run(
      async () => undefined,
      (b) => written.push(b),
    ),
    [
      'Warning CalculateExpectedPodCountFailed Failed to calculate the number of expected pods: ' +
        'found no controllers for pod "p"',
    ],
  );
  assert.deepEqual(
    written.map(({ status }) => [status?.disruptionsAllowed, status?.conditions?.[0]?.reason]),
    [[0, 'SyncFailed']],
  );
  const conflict = conflictError({ group: 'policy', resource: 'poddisruptionbudgets' }, 'b', 'changed');
  let tries = 0;
  const refuse = () => {
    tries++;
    throw conflict;
  };
  await assert.rejects(
    run(async ({ uid }) => ({ uid, replicas: 1 }), refuse),
    conflict,
  );
  assert.equal(tries, 1);
});

test('showSelector() writes as Kubernetes does', () => {
  const matchExpressions = [{ key: 'k', operator: 'In', values: ['x', 'y'] }];
  assert.equal(
    showSelector({ matchLabels: { b: '2', a: '1' }, matchExpressions }),
    '&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{' +
      'LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}',
  );
});

describe('staleInMs()', () => {
  const marked = (builder: ReturnType<typeof pod>, seconds: number, more: object = {}) => {
    const { status, ...rest } = builder.build();
    const times = { lastProbeTime: null as never, lastTransitionTime: secondsAgo(seconds) };
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', ...times, ...more };
    return { ...rest, status: { ...status, conditions: [condition] } } as Pod;
  };
  const cases: [string, Pod, number | undefined][] = [
    ['a pod without the mark', pod('p').ready().build(), undefined],
    ['marked a while ago', marked(pod('p').running(), 20), 100_000],
    ['marked long ago', marked(pod('p').running(), 200), 0],
    ['on its way', marked(pod('p').running().deleting(), 200), undefined],
    ['ended', marked(pod('p').failed(), 200), undefined],
    ['taken back before', marked(pod('p').running(), 200, { status: 'False' }), undefined],
    ['marked by its kubelet', marked(pod('p').running(), 200, { reason: 'TerminationByKubelet' }), undefined],
  ];
  for (const [name, it, expected] of cases) test(name, () => assert.equal(staleInMs(it, testTimeMs), expected));
});
