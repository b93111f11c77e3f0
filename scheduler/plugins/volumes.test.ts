// The plugins for storage: where a pod with claims goes, or the sentence it gets.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeClient } from '../../client/rest.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { FedStorage } from '../../test/builders/fed-storage.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../../test/builders/scheduling.ts';
import { boundClaim, claim, delayed, onNode, refTo, storageClass, volume } from '../../test/builders/storage.ts';
import { SchedulerCache } from '../cache/cache.ts';
import { VolumeCache } from '../cache/volumes.ts';
import { schedulePod } from '../cycle.ts';
import { describeFailure } from '../fit-error.ts';
import type { ClusterEvent } from '../framework/plugin.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { plugins } from './index.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

type Storage = { [K in keyof FedStorage]?: object[] };

function schedule(wanted: PodBuilder, nodes: NodeBuilder[], storage: Storage, others: PodBuilder[] = []): string {
  const fed = new FedStorage();
  const cache = new SchedulerCache(new VolumeCache({} as KubeClient, new FakeClock(), fed));
  for (const [kind, objects] of Object.entries(storage)) {
    for (const object of objects) fed[kind as keyof FedStorage].put(object as never);
  }
  for (const n of nodes) cache.setNode(n.build());
  for (const p of others) cache.setPod(p.build());
  const result = schedulePod(plugins, podInfoOf(wanted.build()), cache, { startIndex: 0, random: () => 0 });
  return result.type === 'found' ? result.node.name : describeFailure(result).replace(/ no new claims.*/, '');
}

const two = [node('m'), node('n')];
const everywhere = (why: string) => `0/2 nodes are available: ${why}. not found`;
const none = (why: string) => `0/2 nodes are available: ${why}.`;
const fast = { storageClassName: 'fast' };
const waits = storageClass('fast', delayed);
const noProvisioner = storageClass('fast', { ...delayed, provisioner: 'kubernetes.io/no-provisioner' });
const selected = (name: string) => ({ annotations: { 'volume.kubernetes.io/selected-node': name } });
const onlyPod = { accessModes: ['ReadWriteOncePod'] };
const csi = (handle: string) => ({ hostPath: undefined, csi: { driver: 'csi.example.com', volumeHandle: handle } });
const meta = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: '1' });
const limit = (name: string, count: number) => ({
  metadata: meta(name),
  spec: { drivers: [{ name: 'csi.example.com', nodeID: name, topologyKeys: [], allocatable: { count } }] },
});
const driver = { metadata: meta('csi.example.com'), spec: { storageCapacity: true } };
const room = (capacity: string, more: object = { nodeTopology: {} }) => ({
  metadata: { ...meta('room'), namespace: 'default' },
  storageClassName: 'fast',
  capacity,
  ...more,
});
const in2 = 'topology.kubernetes.io/zone';
const local = (name: string, of: string, more: object = {}) => volume(name, { ...fast, ...onNode(of), ...more });

describe('a pod with claims goes where they can be, or says why it cannot', () => {
  const c = pod('p').claims('c');
  const cases: [
    name: string,
    pod: PodBuilder,
    storage: Storage,
    want: string,
    others?: PodBuilder[],
    nodes?: NodeBuilder[],
  ][] = [
    ['no claims', pod('p'), {}, 'm'],
    ['no such claim', c, {}, everywhere('persistentvolumeclaim "c" not found')],
    [
      'a claim that is made with the pod is not there yet',
      pod('p').ephemeral('v'),
      {},
      everywhere('waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"'),
    ],
    [
      'a claim of the name that is not the one made with the pod',
      pod('p').ephemeral('v'),
      { claims: [boundClaim('p-v', 'v')] },
      everywhere('PVC default/p-v was not created for pod default/p (pod is not owner)'),
    ],
    [
      'a claim on its way out',
      c,
      { claims: [claim('c', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })] },
      everywhere('persistentvolumeclaim "c" is being deleted'),
    ],
    [
      'a lost claim',
      c,
      { claims: [claim('c', { volumeName: 'v' }, {}, { phase: 'Lost' })] },
      everywhere('persistentvolumeclaim "c" bound to non-existent persistentvolume "v"'),
    ],
    [
      'a claim to be bound by others',
      c,
      { claims: [claim('c')] },
      everywhere('pod has unbound immediate PersistentVolumeClaims'),
    ],
    [
      'a claim that names its volume',
      c,
      { claims: [claim('c', { ...fast, volumeName: 'v' })], classes: [waits] },
      everywhere('pod has unbound immediate PersistentVolumeClaims'),
    ],
    ['bound', c, { claims: [boundClaim('c', 'v')], volumes: [volume('v', refTo('c'))] }, 'm'],
    ['bound, and its volume gone', c, { claims: [boundClaim('c', 'v')] }, everywhere('persistentvolume "v" not found')],
    [
      'bound to a volume of one node',
      c,
      { claims: [boundClaim('c', 'v')], volumes: [local('v', 'n', refTo('c'))] },
      'n',
    ],
    [
      'bound to a volume of a node that is not there',
      c,
      { claims: [boundClaim('c', 'v')], volumes: [local('v', 'x', refTo('c'))] },
      none("2 node(s) didn't match PersistentVolume's node affinity"),
    ],
    [
      'a free volume on one node',
      c,
      { claims: [claim('c', fast)], classes: [noProvisioner], volumes: [local('v', 'n')] },
      'n',
    ],
    [
      'no volume, and nobody who makes one',
      c,
      { claims: [claim('c', fast)], classes: [noProvisioner] },
      none("2 node(s) didn't find available persistent volumes to bind"),
    ],
    [
      'one volume is not enough for two claims',
      pod('p').claims('c', 'd'),
      { claims: [claim('c', fast), claim('d', fast)], classes: [noProvisioner], volumes: [local('v', 'n')] },
      none("2 node(s) didn't find available persistent volumes to bind"),
    ],
    [
      'one claim named by two volumes of the pod',
      pod('p').claims('c', 'c'),
      { claims: [claim('c', fast)], classes: [noProvisioner], volumes: [local('v', 'n')] },
      'n',
    ],
    [
      'the small claim leaves the large volume to the large one',
      pod('p').claims('d', 'c'),
      {
        claims: [claim('c', fast), claim('d', { ...fast, resources: { requests: { storage: '2Gi' } } })],
        classes: [noProvisioner],
        volumes: [local('v', 'n'), local('w', 'n', { capacity: { storage: '2Gi' } })],
      },
      'n',
    ],
    [
      'a volume kept for the claim on one node',
      c,
      {
        claims: [claim('c', fast)],
        classes: [noProvisioner],
        volumes: [local('v', 'm'), local('w', 'n', refTo('c', ''))],
      },
      'n',
    ],
    ['a volume that will be made', c, { claims: [claim('c', fast)], classes: [waits] }, 'm'],
    ['a volume that is being made for a node', c, { claims: [claim('c', fast, selected('n'))], classes: [waits] }, 'n'],
    [
      'made in one zone only',
      c,
      {
        claims: [claim('c', fast)],
        classes: [
          storageClass('fast', {
            ...delayed,
            allowedTopologies: [{ matchLabelExpressions: [{ key: 'kubernetes.io/hostname', values: ['n'] }] }],
          }),
        ],
      },
      'n',
    ],
    [
      'made where no node is: a term without expressions, a label that no node has',
      c,
      {
        claims: [claim('c', fast)],
        classes: [
          storageClass('fast', {
            ...delayed,
            allowedTopologies: [{}, { matchLabelExpressions: [{ key: 'none', values: [''] }] }],
          }),
        ],
      },
      none("2 node(s) didn't find available persistent volumes to bind"),
    ],
    [
      'room for it',
      c,
      { claims: [claim('c', fast)], classes: [waits], drivers: [driver], capacities: [room('1Gi')] },
      'm',
    ],
    [
      'room for it at one node',
      c,
      {
        claims: [claim('c', fast)],
        classes: [waits],
        drivers: [driver],
        capacities: [room('1Gi', { nodeTopology: { matchLabels: { 'kubernetes.io/hostname': 'n' } } })],
      },
      'n',
    ],
    [
      'no room for one so large',
      c,
      {
        claims: [claim('c', fast)],
        classes: [waits],
        drivers: [driver],
        capacities: [room('9Gi', { nodeTopology: {}, maximumVolumeSize: '1Mi' })],
      },
      none('2 node(s) did not have enough free storage'),
    ],
    [
      'nothing is known of room',
      c,
      { claims: [claim('c', fast)], classes: [waits], drivers: [driver] },
      none('2 node(s) did not have enough free storage'),
    ],
    [
      'a claim for one pod that another has',
      c,
      { claims: [boundClaim('c', 'v', onlyPod)], volumes: [volume('v', refTo('c'))] },
      none('2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'),
      [pod('q').on('n').claims('c')],
    ],
    [
      'a claim for one node that another pod has',
      c,
      { claims: [boundClaim('c', 'v')], volumes: [volume('v', refTo('c'))] },
      'm',
      [pod('q').on('n').claims('c')],
    ],
    [
      'no node takes another volume of the driver',
      c,
      {
        claims: [boundClaim('c', 'v'), boundClaim('d', 'w')],
        volumes: [volume('v', { ...csi('1'), ...refTo('c') }), volume('w', { ...csi('2'), ...refTo('d') })],
        csiNodes: [limit('m', 0), limit('n', 1)],
      },
      none('2 node(s) exceed max volume count'),
      [pod('q').on('n').claims('d')],
    ],
    [
      'a volume that is there already takes no more room',
      c,
      {
        claims: [boundClaim('c', 'v')],
        volumes: [volume('v', { ...csi('1'), ...refTo('c') })],
        csiNodes: [limit('m', 0), limit('n', 1)],
      },
      'n',
      [pod('q').on('n').claims('c')],
    ],
    [
      'what is attached without a pod takes room',
      c,
      {
        claims: [boundClaim('c', 'v')],
        volumes: [volume('v', { ...csi('1'), ...refTo('c') }), volume('w', csi('2'))],
        csiNodes: [limit('m', 1), limit('n', 1)],
        attachments: [
          {
            metadata: meta('a'),
            spec: { attacher: 'csi.example.com', nodeName: 'm', source: { persistentVolumeName: 'w' } },
          },
        ],
      },
      'n',
    ],
    [
      'a volume to be made counts too',
      c,
      { claims: [claim('c', fast)], classes: [waits], csiNodes: [limit('m', 0)] },
      'n',
    ],
    [
      'a volume of a zone',
      c,
      {
        claims: [boundClaim('c', 'v')],
        volumes: [volume('v', refTo('c'), { labels: { 'failure-domain.beta.kubernetes.io/zone': 'b__c' } })],
      },
      'n',
      [],
      [node('m').labels({ [in2]: 'a' }), node('n').labels({ [in2]: 'c' })],
    ],
    [
      'a volume of a zone without nodes',
      c,
      { claims: [boundClaim('c', 'v')], volumes: [volume('v', refTo('c'), { labels: { [in2]: 'x' } })] },
      none('2 node(s) had no available volume zone'),
      [],
      [node('m').labels({ [in2]: 'a' }), node('n').labels({ [in2]: 'c' })],
    ],
  ];
  for (const [name, wanted, storage, want, others = [], nodes = two] of cases) {
    test(name, () => assert.equal(schedule(wanted, nodes, storage, others), want));
  }
});

test('a pod for one pod at a time takes the place of a less important one that has its claim', () => {
  const storage = { claims: [boundClaim('c', 'v', onlyPod)], volumes: [volume('v', refTo('c'))] };
  const fed = new FedStorage();
  for (const it of storage.claims) fed.claims.put(it);
  for (const it of storage.volumes) fed.volumes.put(it);
  const cache = new SchedulerCache(new VolumeCache({} as KubeClient, new FakeClock(), fed));
  for (const n of two) cache.setNode(n.build());
  cache.setPod(pod('q').on('n').claims('c').build());
  const info = podInfoOf(pod('p').claims('c').priority(5).build());
  const result = schedulePod(plugins, info, cache, { startIndex: 0, random: () => 0 });
  assert.ok(result.type === 'none' && result.after && 'preemption' in result.after);
  const { node: place, victims } = result.after.preemption;
  assert.deepEqual([place.name, victims.map(({ uid }) => uid)], ['n', ['uid-q']]);
  cache.removePod('uid-q');
  assert.equal(cache.claimUsers('default/c'), 0);
});

test('plugins for storage have nothing to do for pods without claims', () => {
  const state = new Map();
  const info = podInfoOf(pod('p').build());
  const cache = new SchedulerCache();
  for (const { plugin } of plugins.filter((it) => it.plugin.name.includes('Volume'))) {
    assert.equal(plugin.preFilter!(state, info, cache).code, 'Skip', plugin.name);
    assert.equal(plugin.mayHelp!({ type: 'VolumeChanged', volume: volume('v') }, info), false, plugin.name);
  }
  assert.equal(state.size, 0);
});

test('what may help a pod that waits for its volumes', () => {
  const waiting = podInfoOf(pod('p').claims('c').build());
  const rows: [ClusterEvent, binding: boolean, restrictions: boolean][] = [
    [{ type: 'ClaimChanged', claim: claim('c') }, true, true],
    [{ type: 'ClaimChanged', claim: claim('d') }, false, false],
    [{ type: 'VolumeChanged', volume: volume('v') }, true, false],
    [{ type: 'VolumeChanged', volume: volume('v', refTo('c')) }, true, false],
    [{ type: 'VolumeChanged', volume: volume('v', refTo('d')) }, false, false],
    [{ type: 'StorageClassChanged' }, true, false],
    [{ type: 'CSIStorageCapacityChanged' }, true, false],
    [{ type: 'PodRemoved', pod: pod('q').build() }, false, true],
  ];
  for (const [event, binding, restrictions] of rows) {
    assert.equal(volumeBinding.mayHelp!(event, waiting), binding, event.type);
    assert.equal(volumeRestrictions.mayHelp!(event, waiting), restrictions, event.type);
  }
});
