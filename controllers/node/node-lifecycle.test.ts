import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../api/coordination/lease.ts';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { ObjectCache } from '../../client/store.ts';
import { TransportError } from '../../client/transport.ts';
import { type Clock, FakeClock } from '../../machinery/clock.ts';
import { node } from '../../test/builders/node.ts';
import { pod, testTimeMs } from '../../test/builders/pod.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';

type Deps = Parameters<typeof nodeLifecycleController.reconcile>[1];

/** The controller's world: a node's lease, a pod on it, and a record of what was done. */
function world(clock: Clock & Pick<FakeClock, 'advance'> = new FakeClock(testTimeMs)) {
  let isReachable = true;
  const leases = new ObjectCache<Lease>();
  const pods = new ObjectCache<Pod>();
  const done: string[] = [];
  pods.addIndex('node', (p) => [p.spec.nodeName ?? '']);
  pods.put(pod('a').on('n').ready().build());
  const deps = {
    clock,
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
    sayNode: (_: Node, reason: string) => done.push(reason),
    warnPod: (_: Pod, reason: string) => done.push(`pod ${reason}`),
  } as unknown as Deps;
  const renew = (renewTime: string) =>
    leases.put({ metadata: { name: 'n', namespace: 'kube-node-lease' }, spec: { renewTime } });
  const look = async (subject: Node) => {
    done.length = 0;
    return { result: await nodeLifecycleController.reconcile(subject, deps), done: [...done] };
  };
  const reach = (yes: boolean) => {
    isReachable = yes;
  };
  return { clock, renew, look, reach };
}

const healthy = { Ready: 'True', MemoryPressure: 'False', DiskPressure: 'False', PIDPressure: 'False' };
const unknown = { Ready: 'Unknown', MemoryPressure: 'Unknown', DiskPressure: 'Unknown', PIDPressure: 'Unknown' };

test('a node is Unknown forty seconds after its last heartbeat, by our clock', async () => {
  const { clock, renew, look } = world();
  renew('1');
  assert.deepEqual(await look(node('n', { conditions: healthy })), {
    result: { requeueAfterMs: 40_000 },
    done: ['RegisteredNode'],
  });
  await clock.advance(30_000);
  renew('2');
  assert.deepEqual(await look(node('n', { conditions: healthy })), { result: { requeueAfterMs: 40_000 }, done: [] });
  await clock.advance(40_000);
  const { done } = await look(node('n', { conditions: healthy }));
  assert.deepEqual(done, ['status Unknown,Unknown,Unknown,Unknown']);
});

test('the pods of a node that is lost are not ready, and it is tainted; both are told once', async () => {
  const { clock, renew, look } = world();
  renew('1');
  await look(node('n', { conditions: healthy }));
  await clock.advance(41_000);
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
  assert.deepEqual(await look(subject), { result: { requeueAfterMs: 35_000 }, done: [] });
  await clock.advance(35_000);
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
  assert.deepEqual(await look(node('n', { conditions: healthy })), { result: { requeueAfterMs: 40_000 }, done: [] });
});
