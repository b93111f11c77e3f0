import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pod, testTimeMs } from '../test/builders/pod.ts';
import { replicaSet } from '../test/builders/workload.ts';
import { computeStatus, planReplicas } from './replicaset.ts';

const options = { rankOf: () => 1, nowMs: testTimeMs };

describe('planReplicas()', () => {
  const pods = [pod('a').on('n').ready().build(), pod('b').build()];
  const cases = [
    { name: 'creates what is missing', replicas: 5, create: 3, deleted: [] },
    { name: 'never more than a burst', replicas: 1000, create: 500, deleted: [] },
    { name: 'leaves enough alone', replicas: 2, create: 0, deleted: [] },
    { name: 'deletes the pod that does least', replicas: 1, create: 0, deleted: ['b'] },
  ];
  for (const { name, replicas, create, deleted } of cases) {
    test(name, () => {
      const plan = planReplicas(replicaSet('rs', replicas), pods, options);
      assert.deepEqual([plan.create, plan.delete.map((p) => p.metadata.name)], [create, deleted]);
    });
  }
});

describe('computeStatus()', () => {
  const set = replicaSet('rs', 2);
  const labels = set.spec.template!.metadata!.labels!;
  const pods = [
    pod('a').labels(labels).ready().build(),
    pod('b').build(),
    pod('c').deleting().build(),
    pod('d').failed().build(),
  ];

  test('counts active pods; zeros are left out but for two', () => {
    const status = computeStatus(set, pods, { nowMs: testTimeMs });
    assert.deepEqual(status, {
      replicas: 2,
      fullyLabeledReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 1,
    });
    assert.deepEqual(computeStatus(set, [], { nowMs: testTimeMs }), {
      replicas: 0,
      terminatingReplicas: 0,
      observedGeneration: 1,
    });
  });

  test('a generation is observed once nothing is on its way that an earlier one began', () => {
    const scaled = {
      ...set,
      metadata: { ...set.metadata, generation: 3 },
      status: { replicas: 2, observedGeneration: 2 },
    };
    const observed = (isSettled: boolean) =>
      computeStatus(scaled, pods, { nowMs: testTimeMs, isSettled }).observedGeneration;
    assert.deepEqual([observed(false), observed(true)], [2, 3]);
  });

  test('a failure becomes a condition, and goes with its cause', () => {
    const failure = { reason: 'FailedCreate' as const, message: 'refused' };
    const failing = computeStatus(set, [], { failure, nowMs: testTimeMs });
    assert.deepEqual(failing.conditions, [
      { type: 'ReplicaFailure', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', ...failure },
    ]);
    assert.equal(computeStatus({ ...set, status: failing }, [], { nowMs: testTimeMs }).conditions, undefined);
  });
});
