import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pod, secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import { deployment, replicaSet } from '../../test/builders/workload.ts';
import { planClaim } from './claim.ts';
import { inDeletionOrder } from './deletion-order.ts';
import { isActive, isAvailable, isTerminating, nextAvailableInMs } from './pod-state.ts';
import { slowStart } from './slow-start.ts';

const names = (objects: readonly { metadata: { name?: string } }[]) => objects.map((o) => o.metadata.name);

describe('pod state', () => {
  const cases = [
    { name: 'a running pod', pod: pod('a').running(), active: true, terminating: false },
    { name: 'a deleted pod', pod: pod('a').running().deleting(), active: false, terminating: true },
    { name: 'a failed pod', pod: pod('a').failed(), active: false, terminating: false },
    { name: 'a deleted pod that has ended', pod: pod('a').succeeded().deleting(), active: false, terminating: false },
  ];
  for (const { name, pod: builder, active, terminating } of cases) {
    test(`${name}: active ${active}, terminating ${terminating}`, () => {
      const built = builder.build();
      assert.deepEqual([isActive(built), isTerminating(built)], [active, terminating]);
    });
  }

  test('a pod is available once it has been ready for minReadySeconds', () => {
    const young = pod('a').ready(5).build();
    assert.equal(isAvailable(young, 5, testTimeMs), true);
    assert.equal(isAvailable(young, 6, testTimeMs), false);
    assert.equal(nextAvailableInMs([young, pod('b').ready(50).build()], 7, testTimeMs), 2000);
    assert.equal(nextAvailableInMs([young], 5, testTimeMs), undefined);
  });
});

test('inDeletionOrder() gives up first what costs least', () => {
  const cost = { 'controller.kubernetes.io/pod-deletion-cost': '-5' };
  const pods = [
    pod('old').on('n1').ready(60_000).age(60_000).build(),
    pod('young').on('n2').ready(60_000).age(20).build(),
    pod('crowded').on('n3').ready(60_000).age(60_000).build(),
    pod('cheap').on('n4').ready(60_000).age(60_000).annotations(cost).build(),
    pod('fresh').on('n5').ready(1).age(60_000).build(),
    pod('unready').on('n6').running().build(),
    pod('pending').on('n7').build(),
    pod('unbound').build(),
  ];
  const rankOf = (p: { spec: { nodeName?: string } }) => (p.spec.nodeName === 'n3' ? 2 : 1);
  assert.deepEqual(names(inDeletionOrder(pods, { rankOf, nowMs: testTimeMs })), [
    'unbound',
    'pending',
    'unready',
    'cheap',
    'crowded',
    'fresh',
    'young',
    'old',
  ]);
});

test('ages count by order of magnitude, and exactly where pods are not alike', () => {
  const made = (name: string, seconds: number, readySeconds = 50) =>
    pod(name).on('n').ready(readySeconds).age(seconds).build();
  const costly = pod('z')
    .on('n')
    .ready()
    .age(8)
    .annotations({ 'controller.kubernetes.io/pod-deletion-cost': '9' })
    .build();
  const alike = { rankOf: () => 0, nowMs: testTimeMs };
  // Five and eight seconds are within the same power of two of nanoseconds.
  const ages = [made('a', 8), made('b', 5), made('c', 900)];
  assert.deepEqual(
    [names(inDeletionOrder(ages, alike)), names(inDeletionOrder(ages))],
    [
      ['a', 'b', 'c'],
      ['b', 'a', 'c'],
    ],
  );
  assert.deepEqual(names(inDeletionOrder([costly, made('y', 20)])), ['z', 'y']);
  // Ready for about as long: restarts say nothing.
  const restarted = pod('y').on('n').running(3).build();
  const ready = made('y', 900, 49);
  const often = {
    ...ready,
    status: { ...ready.status, containerStatuses: restarted.status?.containerStatuses },
  } as typeof ready;
  assert.deepEqual(names(inDeletionOrder([often, made('x', 900)], alike)), ['x', 'y']);
});

describe('planClaim()', () => {
  const owner = replicaSet('rs', 1);
  const labels = { app: 'w', 'pod-template-hash': 'rs' };
  const candidates = [
    pod('own').ownedBy(owner).labels(labels).build(),
    pod('relabelled').ownedBy(owner).labels({ app: 'x' }).build(),
    pod('orphan').labels(labels).build(),
    pod('dying-orphan').labels(labels).deleting().build(),
    pod('stranger').labels({ app: 'x' }).build(),
    pod('of-another').ownedBy(replicaSet('other', 1)).labels(labels).build(),
  ];
  const show = (claimant: typeof owner) => {
    const { owned, adopt, release } = planClaim(claimant, claimant.spec.selector, candidates);
    return { owned: names(owned), adopt: names(adopt), release: names(release) };
  };

  test('keeps, adopts and releases', () => {
    assert.deepEqual(show(owner), { owned: ['own'], adopt: ['orphan'], release: ['relabelled'] });
  });

  test('an owner that is being deleted changes nothing', () => {
    const dying = replicaSet('rs', 1, { metadata: { deletionTimestamp: secondsAgo(1) } });
    assert.deepEqual(show(dying), { owned: ['own'], adopt: [], release: [] });
  });

  test('no selector claims nothing', () => {
    assert.deepEqual(planClaim(deployment(), undefined, [pod('a').build()]).adopt, []);
  });
});

test('slowStart() stops after the batch in which something failed', async () => {
  const calls: number[] = [];
  const result = await slowStart(10, async (i) => {
    calls.push(i);
    if (i === 2) throw new Error('no');
  });
  assert.deepEqual([calls, result.successes, String(result.error)], [[0, 1, 2], 2, 'Error: no']);
  assert.deepEqual(await slowStart(5, async () => undefined), { successes: 5 });
});
