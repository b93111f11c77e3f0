// The loop with pods that have claims: what is written for them before they are bound, and what they wait for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Node } from '../api/core/node.ts';
import type { PersistentVolume } from '../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../api/core/persistentvolumeclaim.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import type { KubeClient } from '../client/rest.ts';
import { internalError, notFoundError } from '../machinery/errors.ts';
import { deepFreeze } from '../machinery/json.ts';
import type { Kind } from '../machinery/kind.ts';
import { silentLogger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { FedGroups } from '../test/builders/fed-groups.ts';
import { FedInformer } from '../test/builders/fed-informer.ts';
import { FedStorage } from '../test/builders/fed-storage.ts';
import { node, pod } from '../test/builders/scheduling.ts';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { claim, delayed, onNode, storageClass, volume } from '../test/builders/storage.ts';
import { PodGroups } from './cache/pod-groups.ts';
import { VolumeCache } from './cache/volumes.ts';
import { defaultBackoff } from './config/configuration.ts';
import { buildProfiles } from './config/profiles.ts';
import { SchedulerMetrics } from './metrics.ts';
import { Scheduler } from './scheduler.ts';

const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};
const fast = { storageClassName: 'fast' };
const noProvisioner = storageClass('fast', { ...delayed, provisioner: 'kubernetes.io/no-provisioner' });
const selectedNode = 'volume.kubernetes.io/selected-node';

/** A scheduler with two nodes; what it writes to storage is shown at once, and listed in `writes`. */
async function startScheduler() {
  const clock = new FakeClock();
  const pods = new FedInformer<Pod>();
  const nodes = new FedInformer<Node>();
  const storage = new FedStorage();
  const writes: string[] = [];
  const events: string[] = [];
  const nominations: string[] = [];
  /** What answers to changes of a status wait for. */
  const reply: { patch?: Promise<void> } = {};
  const fault: { next?: Error } = {};
  let version = 100;
  const note = (text: string) => {
    writes.push(text);
    const err = fault.next;
    delete fault.next;
    if (err) throw err;
  };
  const saved = <T extends KubeObject>(object: T): T =>
    deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(version++) } });
  const put = {
    claim: (it: PersistentVolumeClaim) => storage.claims.put(saved(it)),
    volume: (it: PersistentVolume) => storage.volumes.put(saved(it)),
  };
  const clients = new Map<Kind<any>, object>([
    [
      PersistentVolumeKind,
      {
        update: async (it: PersistentVolume) => {
          note(`volume ${it.metadata.name} for ${it.spec.claimRef?.name}`);
          put.volume(it);
          return storage.volumes.lister.get(it.metadata.name!);
        },
      },
    ],
    [
      PersistentVolumeClaimKind,
      {
        update: async (it: PersistentVolumeClaim) => {
          note(`claim ${it.metadata.name} on ${it.metadata.annotations?.[selectedNode]}`);
          put.claim(it);
          return storage.claims.lister.get(`default/${it.metadata.name}`);
        },
      },
    ],
    [
      PodKind,
      {
        createSubresource: async ({ name }: { name: string }, _: string, { target }: any) =>
          note(`pod ${name} on ${target.name}`),
        patch: async ({ name }: { name: string }, { status: { nominatedNodeName } }: any) => {
          if (nominatedNodeName !== undefined) nominations.push(`${name} ${nominatedNodeName}`);
          await reply.patch;
        },
      },
    ],
  ]);
  const client = { resource: (kind: Kind) => clients.get(kind) } as unknown as KubeClient;
  const scheduler = new Scheduler(
    {
      client,
      pods,
      nodes,
      namespaces: new FedInformer(),
      budgets: new FedInformer(),
      volumes: new VolumeCache(client, clock, storage),
      groups: new PodGroups(new FedGroups()),
      metrics: new SchedulerMetrics(new Registry()),
      clock,
      random: seededRandom(1),
      log: silentLogger,
      backoff: defaultBackoff,
    },
    buildProfiles({}).map((profile) => ({
      ...profile,
      recorder: { event: (_, { reason, message }) => void events.push(`${reason}: ${message}`) },
    })),
  );
  await scheduler.start();
  for (const name of ['m', 'n']) nodes.put(node(name).build());
  const finish = (name: string, volumeName: string) => {
    const found = storage.claims.lister.get(`default/${name}`)!;
    const annotations = { ...found.metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
    put.claim({ ...found, metadata: { ...found.metadata, annotations }, spec: { ...found.spec, volumeName } });
    return settle();
  };
  const advance = async (ms: number) => {
    await clock.advance(ms);
    await settle();
  };
  return { scheduler, pods, nodes, storage, writes, events, nominations, reply, fault, put, finish, advance };
}

test('a volume of one node is bound first, and then the pod to that node', async () => {
  const { pods, storage, writes, put, finish } = await startScheduler();
  storage.classes.put(noProvisioner);
  put.claim(claim('c', fast));
  put.volume(volume('v', { ...fast, ...onNode('n') }));
  pods.put(pod('p').claims('c').build());
  await settle();
  assert.deepEqual(writes, ['volume v for c']);
  assert.equal(storage.volumes.lister.get('v')!.metadata.annotations?.['pv.kubernetes.io/bound-by-controller'], 'yes');
  await finish('c', 'v');
  assert.deepEqual(writes, ['volume v for c', 'pod p on n']);
});

test('a volume is made where the pod is going to be; it follows its claim elsewhere when that fails', async () => {
  const { pods, nodes, storage, writes, events, put, finish, advance } = await startScheduler();
  storage.classes.put(storageClass('fast', delayed));
  put.claim(claim('c', fast));
  nodes.remove(node('m').build());
  pods.put(pod('p').claims('c').build());
  await settle();
  assert.deepEqual(writes, ['claim c on n']);
  // The driver has no room there.
  nodes.put(node('m').build());
  nodes.put(node('n').cordoned().build());
  const { [selectedNode]: _, ...annotations } = storage.claims.lister.get('default/c')!.metadata.annotations!;
  put.claim(claim('c', fast, { annotations }));
  await settle();
  const why = 'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "c"';
  assert.deepEqual(events, [`FailedScheduling: ${why}`]);
  await advance(1_000);
  assert.deepEqual(writes, ['claim c on n', 'claim c on m']);
  put.volume(volume('made', onNode('m')));
  await finish('c', 'made');
  assert.equal(writes.at(-1), 'pod p on m');
});

test('two pods do not get the same volume, and two with the same claim wait for the same', async () => {
  const { pods, storage, writes, events, put, finish } = await startScheduler();
  storage.classes.put(noProvisioner);
  for (const name of ['c', 'd']) put.claim(claim(name, fast));
  for (const name of ['v', 'w']) put.volume(volume(name, { ...fast, ...onNode('n') }));
  for (const [name, of] of ['cp', 'dp', 'cq'].entries()) pods.put(pod(`p${name}`).claims(of[0]!).build());
  await settle();
  assert.deepEqual(writes.toSorted(), ['volume v for c', 'volume w for d']);
  await finish('c', 'v');
  assert.deepEqual(writes.slice(2).toSorted(), ['pod p0 on n', 'pod p2 on n']);
  await finish('d', 'w');
  assert.equal(writes.at(-1), 'pod p1 on n');
  assert.ok(!events.some((text) => text.startsWith('FailedScheduling')), events.join());
});

test('pods that wait for volumes hold up no others', async () => {
  const { pods, storage, writes, put } = await startScheduler();
  storage.classes.put(storageClass('fast', delayed));
  for (let i = 0; i < 100; i++) {
    put.claim(claim(`c${i}`, fast));
    pods.put(pod(`p${i}`).claims(`c${i}`).build());
  }
  await settle();
  pods.put(pod('plain').build());
  await settle();
  assert.equal(writes.filter((text) => text.startsWith('claim ')).length, 100);
  assert.match(writes.at(-1)!, /^pod plain on /);
});

test('a volume that could not be written is free again, and the pod tries anew', async () => {
  const { pods, storage, writes, events, fault, put, advance } = await startScheduler();
  storage.classes.put(noProvisioner);
  put.claim(claim('c', fast));
  put.volume(volume('v', { ...fast, ...onNode('n') }));
  fault.next = internalError('no');
  pods.put(pod('p').claims('c').build());
  await settle();
  assert.match(events[0]!, /^FailedScheduling: running PreBind plugin "VolumeBinding": .*no/);
  fault.next = notFoundError({ group: '', resource: 'persistentvolumes' }, 'v'); // its volume, not the pod
  await advance(1_000);
  await advance(2_000);
  assert.deepEqual(writes, Array(3).fill('volume v for c'));
});

test('a pod that is gone waits no longer; its claim has its volume nevertheless', async () => {
  const { scheduler, pods, storage, writes, events, put, finish, advance } = await startScheduler();
  storage.classes.put(noProvisioner);
  put.claim(claim('c', fast));
  put.volume(volume('v', { ...fast, ...onNode('n') }));
  pods.put(pod('p').claims('c').build());
  await settle();
  pods.remove(pod('p').build());
  await finish('c', 'v');
  await advance(600_000);
  assert.deepEqual([writes, events], [['volume v for c'], []]);
  assert.deepEqual(scheduler.state().pending, { active: 0, backoff: 0, unschedulable: 0, gated: 0 });
});

test('after ten minutes without a volume the pod is looked at anew', async () => {
  const { scheduler, pods, storage, events, put, advance } = await startScheduler();
  storage.classes.put(storageClass('fast', delayed));
  put.claim(claim('c', fast));
  pods.put(pod('p').claims('c').build());
  await settle();
  await advance(600_000);
  const why = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded';
  assert.deepEqual(events, [`FailedScheduling: ${why}`]);
  assert.equal(scheduler.state().pending.backoff, 1);
});

test('a scheduler that starts in between goes on with what was chosen', async () => {
  const { pods, storage, writes, put, finish } = await startScheduler();
  storage.classes.put(storageClass('fast', delayed));
  put.claim(claim('c', fast, { annotations: { [selectedNode]: 'n' } }));
  pods.put(pod('p').claims('c').build());
  await settle();
  assert.deepEqual(writes, []);
  put.volume(volume('made', onNode('n')));
  await finish('c', 'made');
  assert.deepEqual(writes, ['pod p on n']);
});

test('a pod whose claim is bound by others waits for that', async () => {
  const { pods, writes, events, put, finish, advance } = await startScheduler();
  pods.put(pod('p').claims('c').build());
  await settle();
  assert.equal(events[0], 'FailedScheduling: 0/2 nodes are available: persistentvolumeclaim "c" not found. not found');
  put.claim(claim('c'));
  await advance(1_000);
  assert.match(events[1]!, /: pod has unbound immediate PersistentVolumeClaims\. not found$/);
  put.volume(volume('v'));
  await finish('c', 'v');
  await advance(2_000);
  assert.match(writes[0]!, /^pod p on /);
});

test('where a pod goes is told while its volume is made, and taken back when that fails', async () => {
  const { pods, storage, writes, nominations, put, finish, advance } = await startScheduler();
  storage.classes.put(storageClass('fast', delayed));
  put.claim(claim('c', fast, { annotations: { [selectedNode]: 'n' } }));
  pods.put(pod('p').claims('c').asks({ cpu: '2' }).build());
  pods.put(pod('plain').build());
  await settle();
  assert.deepEqual([nominations, writes.length], [['p n'], 1], 'what is bound at once is told by its binding alone');
  // The place is taken once, not a second time by what the API shows.
  const nominated = pod('p').claims('c').asks({ cpu: '2' }).build();
  pods.put({ ...nominated, status: { nominatedNodeName: 'n' } });
  pods.put(pod('q').asks({ cpu: '2' }).selects({ 'kubernetes.io/hostname': 'n' }).build());
  await settle();
  assert.equal(writes.at(-1), 'pod q on n');
  await advance(600_000);
  pods.put(nominated);
  await settle();
  assert.deepEqual(nominations, ['p n', 'p null'], 'its own change does not end its back-off');
  await advance(1_000);
  assert.deepEqual(nominations, ['p n', 'p null', 'p n']);
  put.volume(volume('made', onNode('n')));
  await finish('c', 'made');
  assert.equal(writes.at(-1), 'pod p on n');
});

test('a pod is not bound, nor a failure told, before it is told where it goes', async () => {
  for (const fails of [false, true]) {
    const { pods, storage, writes, nominations, reply, fault, put, finish } = await startScheduler();
    storage.classes.put(noProvisioner);
    put.claim(claim('c', fast));
    put.volume(volume('v', { ...fast, ...onNode('n') }));
    const { promise, resolve } = Promise.withResolvers<void>();
    reply.patch = promise;
    if (fails) fault.next = internalError('no');
    pods.put(pod('p').claims('c').build());
    await settle();
    await finish('c', 'v');
    assert.deepEqual([writes, nominations], [['volume v for c'], ['p n']]);
    resolve();
    await settle();
    assert.deepEqual(nominations, fails ? ['p n', 'p null'] : ['p n']);
    assert.equal(writes.at(-1), fails ? 'volume v for c' : 'pod p on n');
  }
});
