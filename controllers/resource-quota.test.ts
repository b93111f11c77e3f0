import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ResourceQuota } from '../api/core/resourcequota/schema.ts';
import { conflictError } from '../machinery/errors.ts';
import { deepFreeze } from '../machinery/json.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { pod, testTimeMs } from '../test/builders/pod.ts';
import { countUse, planStatus, resourceQuotaController } from './resource-quota.ts';
import { usesVolumes } from './storage-protection.ts';

const quota = (hard: Record<string, string>, more: object = {}, used?: Record<string, string>): ResourceQuota =>
  deepFreeze({
    metadata: { name: 'q', namespace: 'default' },
    spec: { hard, ...more },
    status: { hard, ...(used && { used }) },
  });

describe('countUse()', () => {
  const asking = (name: string) => {
    const built = pod(name).build();
    const [container] = built.spec.containers!;
    const resources = { requests: { cpu: '250m', 'example.com/gpu': '1' } };
    return { ...built, spec: { ...built.spec, containers: [{ ...container!, resources }] } };
  };
  const objects: Record<string, any[]> = {
    pods: [asking('a'), asking('b'), pod('done').failed().build()],
    'deployments.apps': [{ metadata: { name: 'd' } }],
    secrets: [],
  };
  const count = (q: ResourceQuota) =>
    countUse(q, ({ group, plural }) => objects[group ? `${plural}.${group}` : plural], testTimeMs);

  test('adds up what is limited', () => {
    const hard = {
      pods: '9',
      'count/pods': '9',
      'requests.cpu': '9',
      'requests.example.com/gpu': '9',
      'limits.memory': '9',
      'count/deployments.apps': '9',
      secrets: '9',
    };
    assert.deepEqual(count(quota(hard)), {
      pods: '2',
      'count/pods': '3',
      'requests.cpu': '500m',
      'requests.example.com/gpu': '2',
      'limits.memory': '0',
      'count/deployments.apps': '1',
      secrets: '0',
    });
  });
  test('only in its scopes; what nothing counts is left out', () => {
    assert.deepEqual(count(quota({ pods: '9' }, { scopes: ['BestEffort'] })), { pods: '0' });
    assert.deepEqual(count(quota({ 'count/widgets.example.com': '9', 'limits.example.com/x': '9' })), {});
  });
  test('a pod that should have been gone takes nothing', () => {
    const { metadata, ...rest } = pod('late').build();
    const stuck = {
      ...rest,
      metadata: { ...metadata, deletionTimestamp: '2025-12-31T23:00:00Z', deletionGracePeriodSeconds: 30 },
    };
    assert.deepEqual(
      countUse(quota({ pods: '9' }), () => [stuck], testTimeMs),
      { pods: '0' },
    );
  });
});

describe('planStatus()', () => {
  const old = quota({ pods: '9', secrets: '9' }, {}, { pods: '5', secrets: '1' });
  test('what is more is written at once, what is less once nothing is added', () => {
    const counted = { pods: '3', secrets: '2' };
    assert.deepEqual(planStatus(old, counted, false)!.used, { pods: '5', secrets: '2' });
    assert.deepEqual(planStatus(old, counted, true)!.used, { pods: '3', secrets: '2' });
  });
  test('a limit that is taken away is forgotten, a new one is in force', () => {
    const changed = { ...old, spec: { hard: { secrets: '1' } } };
    assert.deepEqual(planStatus(changed, { secrets: '1' }, false), { hard: { secrets: '1' }, used: { secrets: '1' } });
  });
});

test('a limit comes into force with what the server has, and with what came until then, not with what is seen here', async () => {
  const written: unknown[] = [];
  const onServer = ['a', 'b', 'c'];
  const deps = {
    clock: new FakeClock(testTimeMs),
    objects: {
      list: async (_kind: unknown, _namespace: string, isFresh: boolean) =>
        (isFresh ? onServer : ['a']).map((name) => pod(name).build()),
    },
    update: async (one: ResourceQuota) => {
      if (written.length === 0) onServer.push('d');
      written.push(one.status?.used);
      if (written.length === 2)
        throw conflictError({ group: '', resource: 'resourcequotas' }, 'q', 'charged meanwhile');
      return one;
    },
    seen: new Map(),
    late: new Set(),
  } as unknown as Parameters<typeof resourceQuotaController.reconcile>[1];
  const { status: _, ...fresh } = quota({ pods: '2' });
  const inForce = (pods: string) => resourceQuotaController.reconcile(quota({ pods: '2' }, {}, { pods }), deps);
  await resourceQuotaController.reconcile(fresh as ResourceQuota, deps);
  await assert.rejects(inForce('3'), /charged meanwhile/);
  for (const pods of ['3', '0']) await inForce(pods);
  assert.deepEqual(written, [{ pods: '3' }, { pods: '4' }, { pods: '4' }, { pods: '1' }]);
});

test('volumes are in use by pods that may have them mounted', () => {
  const table: [boolean, ReturnType<typeof pod>][] = [
    [true, pod('runs').on('n')],
    [false, pod('waits')],
    [false, pod('failed').on('n').failed()],
  ];
  for (const [want, built] of table) assert.equal(usesVolumes(built.build()), want);
});
