import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Taint } from '../../api/core/node.ts';
import { disrupt } from '../../client/disrupt.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { node } from '../../test/builders/node.ts';
import { pod, secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import { planTaints, silentConditions } from './health.ts';
import { evictionAtMs, taintEvictionController, tolerationMs } from './taint-eviction.ts';

const taint = (key: string, effect: Taint['effect'] = 'NoExecute', value = ''): Taint => ({
  key,
  effect,
  ...(value ? { value } : {}),
});
const own = (name: string) => `node.kubernetes.io/${name}`;

describe('planTaints()', () => {
  const show = (taints: readonly Taint[] | undefined) =>
    taints?.map((t) => `${t.key.replace('node.kubernetes.io/', '')}:${t.effect}`);
  const cases = [
    {
      name: 'a new node keeps what it was born with',
      node: node('n', { taints: [taint(own('not-ready'), 'NoSchedule')] }),
      want: undefined,
    },
    {
      name: 'a ready node loses it',
      node: node('n', { taints: [taint(own('not-ready'), 'NoSchedule'), taint('k')], conditions: { Ready: 'True' } }),
      want: ['k:NoExecute'],
    },
    {
      name: 'a node that is not ready',
      node: node('n', { conditions: { Ready: 'False' } }),
      want: ['not-ready:NoSchedule', 'not-ready:NoExecute'],
    },
    {
      name: 'a node that fell silent',
      node: node('n', { taints: [taint(own('not-ready'))], conditions: { Ready: 'Unknown' } }),
      want: ['unreachable:NoSchedule', 'unreachable:NoExecute'],
    },
    {
      name: 'a cordoned node under pressure',
      node: node('n', { unschedulable: true, conditions: { Ready: 'True', DiskPressure: 'True' } }),
      want: ['disk-pressure:NoSchedule', 'unschedulable:NoSchedule'],
    },
    {
      name: 'a node as it should be',
      node: node('n', { taints: [taint('k')], conditions: { Ready: 'True' } }),
      want: undefined,
    },
  ];
  for (const { name, node: subject, want } of cases) {
    test(name, () => assert.deepEqual(show(planTaints(subject, testTimeMs, true)), want));
  }

  test('none that makes pods leave where that must not be', () => {
    const told = node('n', { taints: [taint(own('not-ready')), taint('k')], conditions: { Ready: 'False' } });
    assert.deepEqual(show(planTaints(told, testTimeMs, false)), ['k:NoExecute', 'not-ready:NoSchedule']);
  });
});

describe('silentConditions()', () => {
  test('all that the kubelet reports is unknown, and was last known when it last spoke', () => {
    const conditions = silentConditions(
      node('n', { conditions: { Ready: 'True', DiskPressure: 'False' } }),
      testTimeMs,
    );
    const ready = conditions?.find((c) => c.type === 'Ready');
    assert.deepEqual(ready, {
      type: 'Ready',
      status: 'Unknown',
      lastHeartbeatTime: secondsAgo(10),
      lastTransitionTime: secondsAgo(0),
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    const missing = conditions?.find((c) => c.type === 'PIDPressure');
    assert.deepEqual(
      [missing?.reason, missing?.message],
      ['NodeStatusNeverUpdated', 'Kubelet never posted node status.'],
    );
  });

  test('says nothing twice', () => {
    const all = { Ready: 'Unknown', MemoryPressure: 'Unknown', DiskPressure: 'Unknown', PIDPressure: 'Unknown' };
    assert.equal(silentConditions(node('n', { conditions: all }), testTimeMs), undefined);
  });
});

describe('taint eviction', () => {
  const exists = (tolerationSeconds?: number) => ({
    key: 'k',
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  test('the first matching toleration counts', () => {
    assert.equal(tolerationMs(pod('a').build(), taint('k')), 0);
    assert.equal(tolerationMs(pod('a').tolerates(exists()).build(), taint('k')), undefined);
    assert.equal(tolerationMs(pod('a').tolerates(exists(), exists(4)).build(), taint('k')), undefined);
    assert.equal(tolerationMs(pod('a').tolerates(exists(9), exists(4)).build(), taint('k')), 9000);
    assert.equal(tolerationMs(pod('a').tolerates(exists(-1)).build(), taint('k')), 0);
  });

  test('the first taint that is no longer tolerated ends the pod', () => {
    const subject = pod('a').tolerates(exists(4)).build();
    assert.equal(evictionAtMs(subject, [taint('k')], 1000), 5000);
    assert.equal(evictionAtMs(subject, [taint('k'), taint('x')], 1000), 1000);
    assert.equal(evictionAtMs(pod('b').tolerates(exists()).build(), [taint('k')], 0), undefined);
  });
});

test('a pod that is ended first says why, after all else that is said of it', async () => {
  const done: unknown[] = [];
  const client = {
    patch: async (_: object, { status }: { status: object }) => done.push(status),
    delete: async (_: object, options: object) => done.push(options),
  } as unknown as Parameters<typeof disrupt>[0];
  await disrupt(client, pod('a').on('n').ready().build(), { reason: 'R', message: 'm', nowMs: testTimeMs });
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: secondsAgo(0),
  };
  assert.deepEqual(done, [
    {
      '$setElementOrder/conditions': [{ type: 'Ready' }, { type: 'DisruptionTarget' }],
      conditions: [{ ...condition, reason: 'R', message: 'm' }],
    },
    { uid: 'uid-a' },
  ]);
  // One that was told to go, whose node then goes, has ended: a job may wait for that.
  const conditions = [{ ...condition, reason: 'DeletionByTaintManager' }];
  const told = { ...pod('b').on('n').deleting().build(), status: { phase: 'Running', conditions } } as never;
  done.length = 0;
  await disrupt(client, told, { reason: 'R', message: 'm', nowMs: testTimeMs, isLost: true });
  assert.deepEqual(done, [
    {
      '$setElementOrder/conditions': [{ type: 'DisruptionTarget' }],
      conditions: [{ ...condition, reason: 'R', message: 'm' }],
      phase: 'Failed',
    },
    { gracePeriodSeconds: 0, uid: 'uid-b' },
  ]);
});

test('a pod is ended once, also when its own changes bring it back before the cache knows', async () => {
  const said: string[] = [];
  const done: string[] = [];
  const deps = {
    clock: new FakeClock(testTimeMs),
    nodes: { get: () => node('n', { taints: [taint('k')] }) },
    podClient: { patch: async () => done.push('patch'), delete: async () => done.push('delete') },
    since: new Map(),
    ended: new Map(),
    say: (_: object, message: string) => said.push(message),
  } as unknown as Parameters<typeof taintEvictionController.reconcile>[1];
  const one = pod('a').on('n').build();
  for (let i = 0; i < 2; i++) await taintEvictionController.reconcile(one, deps);
  assert.deepEqual([said, done], [['Marking for deletion Pod default/a'], ['patch', 'delete']]);
  await taintEvictionController.reconcile({ ...one, metadata: { ...one.metadata, uid: 'another' } }, deps);
  assert.equal(said.length, 2);
});

test('a taint in the place of another gives a pod no more time, a pod in the place of another has its own', async () => {
  let taints = [taint('not-ready')];
  const said: string[] = [];
  const clock = new FakeClock(testTimeMs);
  const deps = {
    clock,
    nodes: { get: () => node('n', { taints }) },
    since: new Map(),
    ended: new Map(),
    say: (_: object, message: string) => said.push(message),
  } as unknown as Parameters<typeof taintEvictionController.reconcile>[1];
  const tolerating = (key: string) => ({
    key,
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    tolerationSeconds: 300,
  });
  const one = pod('a').on('n').tolerates(tolerating('not-ready'), tolerating('unreachable')).build();
  const look = (subject: typeof one) => taintEvictionController.reconcile(subject, deps);
  assert.deepEqual(await look(one), { requeueAfterMs: 300_000 });
  await clock.advance(100_000);
  taints = [taint('unreachable')];
  assert.deepEqual(await look(one), { requeueAfterMs: 200_000 });
  const next = { ...one, metadata: { ...one.metadata, uid: 'another' } };
  assert.deepEqual(await look(next), { requeueAfterMs: 300_000 });
  // It may stay for ever: that is told, too.
  const tolerations = [{ operator: 'Exists' as const }];
  assert.equal(await look({ ...next, spec: { ...next.spec, tolerations } }), undefined);
  assert.deepEqual(said, ['Cancelling deletion of Pod default/a']);
});
