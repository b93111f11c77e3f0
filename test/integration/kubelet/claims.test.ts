// Pods with claims on a real node: etcd, API server, runtime, kubelet and the node's own storage
// driver, as `k8ts up` starts them. The kubelet is killed in every step of a pod's life, and the data
// are there afterwards, once, and nothing is left mounted.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { image, isReady, upWithBusybox } from './busybox-cluster.ts';

const sleeper = 'trap "exit 0" TERM; while :; do sleep 0.2; done';

describe('claims of pods', { skip: needsRoot }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let node: string;

  before(async () => {
    cluster = testCluster('claims');
    node = `${cluster.name}-control-plane`;
    kubectl = await upWithBusybox(cluster);
  });

  after(() => cluster?.[Symbol.dispose]());

  const inNode = (path: string) => `/var/lib/k8ts/${cluster.name}/nodes/${node}/${path}`;
  const podDir = (pod: any) => inNode(`var/lib/kubelet/pods/${pod.metadata.uid}`);
  const dataOf = (volume: string) => inNode(`var/lib/k8ts-storage/volumes/${volume}/data`);
  /** What is mounted below the folders of pods, in the node. */
  const mountsOf = (pod: any): string[] => {
    const first = readFileSync(`/run/k8ts/${cluster.name}/node.pid`, 'utf8').trim();
    const lines = readFileSync(`/proc/${first}/mountinfo`, 'utf8').split('\n');
    return lines.filter((line) => line.includes(`/kubelet/pods/${pod.metadata.uid}/`));
  };

  const makePod = (name: string, volume: object, command = sleeper, more: object = {}) => {
    const mounts = [{ name: 'v', mountPath: '/data', ...more }];
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: node,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'c', image, command: ['sh', '-c', command], volumeMounts: mounts }],
        volumes: [{ name: 'v', ...volume }],
      },
    });
    return podOf(name);
  };
  const podOf = (name: string) => kubectl.json('get', 'pod', name);
  const claimed = (claimName: string) => ({ persistentVolumeClaim: { claimName } });
  const ready = (name: string) =>
    eventually(`${name} is ready`, () => {
      const pod = podOf(name);
      return isReady(pod) ? pod : undefined;
    });
  const remove = async (pod: any) => {
    kubectl.get('delete', 'pod', pod.metadata.name, '--wait=true', '--ignore-not-found');
    await eventually(`nothing is left of ${pod.metadata.name}`, () => !existsSync(podDir(pod)) || undefined);
    assert.deepEqual(mountsOf(pod), []);
  };
  const messages = (name: string) =>
    kubectl
      .json('get', 'events', '--field-selector', `involvedObject.name=${name}`)
      .items.map((e: any) => `${e.reason}: ${e.message}`) as string[];
  const told = (name: string, text: RegExp) =>
    eventually(`an event of ${name} like ${text}`, () => messages(name).find((message) => text.test(message)));

  const claim = (name: string, spec: object, annotations = {}) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, annotations },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    });
  /** A claim on a volume that is there. */
  const claimOf = (name: string, volumeName: string) => claim(name, { storageClassName: '', volumeName });
  const bound = (name: string) =>
    eventually(`${name} is bound`, () => {
      const pvc = kubectl.json('get', 'pvc', name);
      return pvc.status.phase === 'Bound' ? (pvc.spec.volumeName as string) : undefined;
    });

  const makeVolume = (name: string, source: object, more: object = {}) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...source, ...more },
    });
  const onNode = (value: string) => {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [value] }];
    return { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } } };
  };

  test('folders of the node: local and hostPath, with their data after the pod', async () => {
    const dir = inNode('var/lib/disks/one');
    mkdirSync(dir, { recursive: true });
    const path = '/var/lib/disks/one';
    makeVolume('local-pv', { local: { path } }, onNode(node));
    makeVolume('host-pv', { hostPath: { path } });
    for (const name of ['local', 'host']) {
      claimOf(`${name}-claim`, `${name}-pv`);
      await bound(`${name}-claim`);
      makePod(name, claimed(`${name}-claim`), `echo ${name} >/data/${name}; mkdir -p /data/sub; ${sleeper}`);
      const pod = await ready(name);
      assert.equal(mountsOf(pod).length, name === 'local' ? 1 : 0);
      await remove(pod);
      assert.equal(readFileSync(join(dir, name), 'utf8'), `${name}\n`);
    }
    makePod(
      'reader',
      { persistentVolumeClaim: { claimName: 'local-claim', readOnly: true } },
      `touch /data/x || cat /data/*l; ${sleeper}`,
    );
    const reader = await ready('reader');
    await eventually('it has read', () => /^local$/m.test(kubectl.get('logs', 'reader')) || undefined);
    await remove(reader);
    assert.equal(existsSync(join(dir, 'x')), false);
  });

  test('a claim that cannot be mounted says why, and the pod ends all the same', async () => {
    const away = { claimName: 'away-claim' };
    makeVolume('away-pv', { local: { path: '/var/lib/disks/one' } }, onNode('elsewhere'));
    makeVolume('gone-pv', { local: { path: '/var/lib/disks/none' } }, onNode(node));
    makeVolume('driverless-pv', { csi: { driver: 'none.example', volumeHandle: 'h' } });
    for (const name of ['away', 'gone', 'driverless']) {
      claimOf(`${name}-claim`, `${name}-pv`);
      await bound(`${name}-claim`);
    }
    claimOf('unbound-claim', 'not-there');
    const waiting = [
      makePod('absent', claimed('absent-claim')),
      makePod('unbound', claimed('unbound-claim')),
      makePod('away', { persistentVolumeClaim: away }),
      makePod('gone', claimed('gone-claim')),
      makePod('driverless', claimed('driverless-claim')),
    ];
    const head = (what: string) =>
      `^FailedMount: Unable to attach or mount volumes: unmounted volumes=\\[v\\], unattached volumes=\\[\\], failed to process volumes=\\[v\\]: error processing PVC default/${what}-claim: `;
    await told(
      'absent',
      new RegExp(
        `${head('absent')}failed to fetch PVC from API server: persistentvolumeclaims "absent-claim" not found$`,
      ),
    );
    await told('unbound', new RegExp(`${head('unbound')}PVC is not bound$`));
    await told(
      'away',
      /^FailedMount: MountVolume.NodeAffinity check failed for volume "away-pv" : no matching NodeSelectorTerms$/,
    );
    await told(
      'gone',
      /^FailedMount: MountVolume.SetUp failed for volume "gone-pv" : path "\/var\/lib\/disks\/none" does not exist$/,
    );
    await told(
      'driverless',
      /^FailedMount: MountVolume.MountDevice failed for volume "driverless-pv" : kubernetes.io\/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name none.example not found in the list of registered CSI drivers$/,
    );
    for (const pod of waiting) {
      assert.equal(podOf(pod.metadata.name).status.phase, 'Pending');
      await remove(pod);
    }
  });

  /** A claim on the default class, as the scheduler has found a node for it; answers its volume. */
  function provisioned(name: string): Promise<string> {
    claim(name, {}, { 'volume.kubernetes.io/selected-node': node });
    return bound(name);
  }

  async function killKubelet(): Promise<void> {
    const before = cluster.pidOf('kubelet');
    process.kill(before, 'SIGKILL');
    await eventually(
      'another kubelet',
      () => (cluster.pidOf('kubelet') !== before && cluster.status().ready) || undefined,
    );
  }

  test('a block volume is told to be one that this node must not open, and that its driver does not make', async () => {
    const first = readFileSync(`/run/k8ts/${cluster.name}/node.pid`, 'utf8').trim();
    execFileSync('nsenter', ['-t', first, '-m', 'mknod', '/dev/disk', 'b', '7', '0']);
    const block = { volumeMode: 'Block' };
    makeVolume('block-pv', { local: { path: '/dev/disk' } }, { ...onNode(node), ...block });
    claim('block-claim', { storageClassName: '', volumeName: 'block-pv', ...block });
    await bound('block-claim');
    const spec = {
      containers: [{ name: 'c', image, volumeDevices: [{ name: 'v', devicePath: '/dev/data' }] }],
      volumes: [{ name: 'v', ...claimed('block-claim') }],
    };
    kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'block' }, spec });
    const step = 'FailedMapVolume: MapVolume.MapPodDevice failed for volume "block-pv"';
    await told('block', new RegExp(`${step} : device "/dev/disk" must not be opened`));
    await remove(podOf('block'));
    claim('own-block', block, { 'volume.kubernetes.io/selected-node': node });
    await told('own-block', /ProvisioningFailed: .*volumes of this driver are folders, not block devices/);
    kubectl.get('delete', 'pvc', 'own-block', 'block-claim', '--wait=true');
  });

  test('the room for volumes is told while the driver is said to have any, and the scheduler looks at it', async () => {
    const say = (storageCapacity: boolean) =>
      kubectl.get(
        ...['patch', 'csidriver', 'hostpath.csi.k8ts.io', '--type=merge'],
        ...['-p', JSON.stringify({ spec: { storageCapacity } })],
      );
    const rooms = () => kubectl.json('get', 'csistoragecapacities', '-n', 'kube-system').items as any[];
    assert.deepEqual(rooms(), []);
    say(true);
    const [room] = await eventually('the room is told', () => (rooms().length > 0 ? rooms() : undefined));
    assert.equal(room.storageClassName, 'standard');
    assert.deepEqual(room.nodeTopology.matchLabels, { 'topology.hostpath.csi.k8ts.io/node': node });
    assert.match(room.capacity, /^\d+([KMGT]i)?$/);
    claim('vast', { resources: { requests: { storage: '7Pi' } } });
    const spec = { containers: [{ name: 'c', image }], volumes: [{ name: 'v', ...claimed('vast') }] };
    kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'vast' }, spec });
    await told('vast', /FailedScheduling: .*node\(s\) did not have enough free storage/);
    say(false);
    await eventually('nothing is told', () => rooms().length === 0 || undefined);
    await bound('vast');
    kubectl.get('delete', 'pod/vast', 'pvc/vast', '--wait=true', '--grace-period=1');
  });

  test('a provisioned volume keeps its data whenever the kubelet is killed, is mounted once, and grows', async () => {
    const volume = await provisioned('data');
    const write = `echo start >>/data/log; ${sleeper}`;
    const folder = (pod: any) => join(podDir(pod), 'volumes/kubernetes.io~csi', volume);
    const steps: [string, (pod: any) => unknown][] = [
      ['its record is written', (pod) => existsSync(join(folder(pod), 'vol_data.json'))],
      ['it is mounted', (pod) => mountsOf(pod).length > 0],
      ['the pod runs', () => podOf('writer').status.phase === 'Running'],
    ];
    for (const [i, [what, reached]] of steps.entries()) {
      const pod = makePod('writer', claimed('data'), write);
      await eventually(what, () => reached(pod) || undefined);
      await killKubelet();
      await ready('writer');
      assert.equal(mountsOf(pod).length, 1, what);
      const lines = () => readFileSync(join(dataOf(volume), 'log'), 'utf8');
      await eventually('the container has written', () => lines() === 'start\n'.repeat(i + 1) || undefined);
      // And once more while it ends.
      kubectl.get('delete', 'pod', 'writer', '--wait=false');
      if (i > 0) await eventually('it is unmounted', () => !existsSync(join(folder(pod), 'mount')) || undefined);
      await killKubelet();
      await remove(pod);
      assert.deepEqual(readdirSync(dataOf(volume)), ['log'], what);
    }
    kubectl.get('patch', 'pvc', 'data', '--type=merge', '-p', '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}');
    await eventually(
      'the claim has grown',
      () => kubectl.json('get', 'pvc', 'data').status.capacity.storage === '2Gi' || undefined,
    );
  });

  test('parts of it, its use, an ephemeral volume, and its end', async () => {
    const volume = await provisioned('shared');
    makePod('part', claimed('shared'), `echo x >/data/file; ${sleeper}`, { subPath: 'below' });
    const part = await ready('part');
    await eventually('the file', () => existsSync(join(dataOf(volume), 'below/file')) || undefined);
    const summary = JSON.parse(kubectl.get('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`));
    const [use] = summary.pods.find((p: any) => p.podRef.name === 'part').volume;
    assert.deepEqual([use.name, use.pvcRef], ['v', { name: 'shared', namespace: 'default' }]);
    assert.ok(use.capacityBytes >= use.usedBytes && use.inodes >= use.inodesUsed);
    const metrics = kubectl.get('get', '--raw', `/api/v1/nodes/${node}/proxy/metrics`);
    assert.match(
      metrics,
      /^kubelet_volume_stats_capacity_bytes\{namespace="default",persistentvolumeclaim="shared"\} \d+/m,
    );
    await remove(part);
    const before = readdirSync(inNode('var/lib/k8ts-storage/volumes'));
    makePod('inline', { csi: { driver: 'hostpath.csi.k8ts.io' } }, `echo x >/data/file; ${sleeper}`);
    const inline = await ready('inline');
    assert.equal(readdirSync(inNode('var/lib/k8ts-storage/volumes')).length, before.length + 1);
    await remove(inline);
    assert.deepEqual(readdirSync(inNode('var/lib/k8ts-storage/volumes')), before);
    kubectl.get('delete', 'pvc', 'shared', '--wait=true');
    await eventually('the volume is gone', () => !existsSync(dataOf(volume)) || undefined);
    await eventually(
      'and so is its object',
      () => kubectl.json('get', 'pv').items.every((pv: any) => pv.metadata.name !== volume) || undefined,
    );
  });
});
