import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../api/coordination/lease.ts';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { ObjectCache } from '../../client/store.ts';
import { TransportError } from '../../client/transport.ts';
import type { Clock } from '../../machinery/clock.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { node } from '../../test/builders/node.ts';
import { pod, testTimeMs } from '../../test/builders/pod.ts';
import { nodeLifecycleController, nodeLifecycleDefaults } from './node-lifecycle.ts';
import { EvictionZones } from './zones.ts';

const controller = nodeLifecycleController();
type Deps = Parameters<typeof controller.reconcile>[1];

const healthy = { Ready: 'True', MemoryPressure: 'False', DiskPressure: 'False', PIDPressure: 'False' };
const unknown = { Ready: 'Unknown', MemoryPressure: 'Unknown', DiskPressure: 'Unknown', PIDPressure: 'Unknown' };

/** The controller's world: a node's lease, a pod on it, and a record of what was done. */
function world(clock: Clock & Pick<FakeClock, 'advance'> = new FakeClock(testTimeMs)) {
  let isReachable = true;
  const leases = new ObjectCache<Lease>();
  const pods = new ObjectCache<Pod>();
  const done: string[] = [];
  pods.addIndex('node', (p) => [p.spec.nodeName ?? '']);
  pods.put(pod('a').on('n').ready().build());
  // Of two nodes, one of which is well.
  const zones = new EvictionZones(nodeLifecycleDefaults, clock, { wake: () => {}, allLost: () => {} });
  zones.change(node('well', { conditions: healthy }), undefined);
  const deps = {
    clock,
    options: nodeLifecycleDefaults,
    zones,
    leases,
    pods,
    watches: new Map(),
    nodeClient: {
      updateStatus: async (n: Node) => {
        if (!isReachable) throw new TransportError('connection refused');
        done.push(`status ${n.status?.conditions?.map((c) => c.status)}`);
      },
      patch: async (_: object, patch: any) => done.push(`taints ${patch.spec.taints?.map((t: any) => t.effect)}`),
    },
    podClient: { updateStatus: async (p: Pod) => done.push(`pod ${p.status?.conditions?.map((c) => c.status)}`) },
    sayNode: (_: Node, _type: string, reason: string) => done.push(reason),
    sayPod: (_: Pod, _type: string, reason: string) => done.push(`pod ${reason}`),
  } as unknown as Deps;
  const renew = (renewTime: string) =>
    leases.put({ metadata: { name: 'n', namespace: 'kube-node-lease' }, spec: { renewTime } });
  let seen: Node | undefined;
  const look = async (subject: Node) => {
    done.length = 0;
    zones.change(subject, seen);
    seen = subject;
    return { result: await controller.reconcile(subject, deps), done: [...done] };
  };
  const reach = (yes: boolean) => {
    isReachable = yes;
  };
  const forget = () => {
    done.length = 0;
    void controller.forget?.('n', deps);
    return [...done];
  };
  return { clock, renew, look, reach, zones, forget };
}

test('a node is Unknown fifty seconds after its last heartbeat, by our clock', async () => {
  const { clock, renew, look } = world();
  renew('1');
  assert.deepEqual(await look(node('n', { conditions: healthy })), {
    result: { requeueAfterMs: 50_000 },
    done: ['RegisteredNode'],
  });
  await clock.advance(30_000);
  renew('2');
  assert.deepEqual(await look(node('n', { conditions: healthy })), { result: { requeueAfterMs: 50_000 }, done: [] });
  await clock.advance(50_000);
  const { done } = await look(node('n', { conditions: healthy }));
  assert.deepEqual(done, ['status Unknown,Unknown,Unknown,Unknown']);
});

test('the pods of a node that is lost are not ready, and it is tainted; both are told once', async () => {
  const { clock, renew, look } = world();
  renew('1');
  await look(node('n', { conditions: healthy }));
  await clock.advance(51_000);
  const { done } = await look(node('n', { conditions: unknown }));
  assert.deepEqual(done, ['NodeNotReady', 'pod NodeNotReady', 'pod False', 'taints NoSchedule,NoExecute']);
  const taints = (['NoSchedule', 'NoExecute'] as const).map((effect) => ({
    key: 'node.kubernetes.io/unreachable',
    effect,
  }));
  assert.deepEqual((await look(node('n', { conditions: unknown, taints }))).done, []);
});

test('a controller that starts when a node is lost marks its pods: the one before it may not have come to that', async () => {
  const { look } = world();
  const { done } = await look(node('n', { conditions: unknown }));
  assert.deepEqual(done, ['RegisteredNode', 'pod NodeNotReady', 'pod False', 'taints NoSchedule,NoExecute']);
});

test('no node is silent because the server was away: each has its time again', async () => {
  const { clock, renew, look, reach } = world();
  renew('1');
  const subject = node('n', { conditions: healthy });
  await look(subject);
  await clock.advance(60_000);
  reach(false);
  await assert.rejects(look(subject), TransportError);
  reach(true);
  await clock.advance(5_000);
  assert.deepEqual(await look(subject), { result: { requeueAfterMs: 45_000 }, done: [] });
  await clock.advance(45_000);
  assert.deepEqual((await look(subject)).done, ['status Unknown,Unknown,Unknown,Unknown']);
});

test('no node is silent because the machine was asleep', async () => {
  let asleepMs = 0;
  class SleepyClock extends FakeClock {
    override now(): number {
      return super.now() + asleepMs;
    }
  }
  const { renew, look } = world(new SleepyClock(testTimeMs));
  renew('1');
  await look(node('n', { conditions: healthy }));
  asleepMs = 3_600_000;
  assert.deepEqual(await look(node('n', { conditions: healthy })), { result: { requeueAfterMs: 50_000 }, done: [] });
});

test('while all nodes are lost pods stay: nobody is told to leave, and who was need not', async () => {
  const { look, zones, clock } = world();
  const lost = node('n', { conditions: unknown });
  const tainted = (effect: 'NoSchedule' | 'NoExecute') => ({ key: 'node.kubernetes.io/unreachable', effect });
  zones.change(node('well', { conditions: unknown }), node('well', { conditions: healthy }));
  assert.deepEqual((await look(lost)).done.slice(-1), ['taints NoSchedule']);
  const told = node('n', { conditions: unknown, taints: [tainted('NoSchedule'), tainted('NoExecute')] });
  assert.deepEqual((await look(told)).done, ['taints NoSchedule']);
  // One that comes back begins it anew, after the time that one node takes.
  zones.change(node('well', { conditions: healthy }), node('well', { conditions: unknown }));
  const only = node('n', { conditions: unknown, taints: [tainted('NoSchedule')] });
  assert.deepEqual(await look(only), { result: { requeueAfterMs: 10_000 }, done: [] });
  await clock.advance(10_000);
  assert.deepEqual((await look(only)).done, ['taints NoSchedule,NoExecute']);
});

test('a node that is gone is told of once', async () => {
  const { look, forget } = world();
  await look(node('n', { conditions: healthy }));
  assert.deepEqual(forget(), ['RemovingNode']);
  assert.deepEqual(forget(), []);
});
