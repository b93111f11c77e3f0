// A stranger's StatefulSet with a volumeClaimTemplate, on a cluster as `up` makes it: every pod gets
// a volume of its own on the default class, which outlives the pod and the node, and goes with its claim. Snapshots of
// a claim, as the example takes them.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { type E2eCluster, patience, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const labels = { app: 'store' };
const statefulSet = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'store' },
  spec: {
    serviceName: 'store',
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsUser: 1000, fsGroup: 2000 },
        containers: [
          {
            name: 'c',
            image: 'busybox:1.36',
            command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};

describe('storage', { skip: needsRoot }, () => {
  let k8ts: E2eCluster;
  before(async () => {
    k8ts = await startCluster('storage', ['busybox']);
    await eventually('the default service account', () => k8ts.kubectl.json('get', 'serviceaccount', 'default'));
  });
  after(() => k8ts?.[Symbol.asyncDispose]());

  const names = ['store-0', 'store-1'];
  const ready = (name: string, uids: readonly string[] = []) =>
    eventually(`${name} is ready`, () => {
      const pod = k8ts.kubectl.json('get', 'pod', name);
      const isReady = pod.status.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True');
      return isReady && !pod.metadata.deletionTimestamp && !uids.includes(pod.metadata.uid) ? pod : undefined;
    });
  const inPod = (name: string, command: string) => k8ts.kubectl.get('exec', name, '--', 'sh', '-c', command);
  const stored = (what: 'volumes' | 'snapshots') =>
    readdirSync(`/var/lib/k8ts/${k8ts.name}/nodes/${k8ts.node}/var/lib/k8ts-storage/${what}`).sort();
  const assertKept = async () => {
    for (const name of names) {
      const text = await eventually(`${name} answers`, () => inPod(name, 'cat /data/name'));
      assert.equal(text, `${name}\n`);
    }
  };

  test('data outlive pods and the node, and go with their claims', async () => {
    const { kubectl } = k8ts;
    kubectl.apply(statefulSet);
    const uids: string[] = [];
    for (const name of names) {
      uids.push((await ready(name)).metadata.uid);
      inPod(name, `echo ${name} >/data/name`);
    }
    const claims = kubectl.json('get', 'pvc').items;
    assert.deepEqual(
      claims.map((c: any) => [c.metadata.name, c.status.phase, c.spec.storageClassName]),
      [
        ['data-store-0', 'Bound', 'standard'],
        ['data-store-1', 'Bound', 'standard'],
      ],
    );
    kubectl.get('delete', 'pod', ...names, '--wait=false');
    for (const name of names) await ready(name, uids);
    await assertKept();
    // The node's first process: all that runs on the node, and all mounts, end with it.
    process.kill(k8ts.cluster.pidOf('node'), 'SIGKILL');
    await assertKept();
    assert.equal(k8ts.cluster.run('down', '--keep-data').code, 0);
    const up = k8ts.cluster.run('up', ...patience);
    assert.equal(up.code, 0, up.stderr);
    await assertKept();
    kubectl.get('delete', 'statefulset', 'store', '--wait=true');
    kubectl.get('delete', 'pvc', '--all', '--wait=true');
    await eventually('no volume is left', () => kubectl.json('get', 'pv').items.length === 0 || undefined);
    assert.deepEqual(stored('volumes'), []);
  });

  test('a claim begins with what another had when its snapshot was taken', async () => {
    const { kubectl, cluster } = k8ts;
    const group = 'snapshot.storage.k8s.io';
    const handleOf = (name: string) => `snapshot-${kubectl.json('get', 'volumesnapshot', name).metadata.uid}`;
    const taken = (name: string) =>
      kubectl.get('wait', '--for=jsonpath={.status.readyToUse}=true', `vs/${name}`, '--timeout=600s');
    kubectl.get('apply', '-f', 'examples/snapshot/diary.yaml');
    kubectl.get('wait', '--for=condition=Ready', 'pod/writer', '--timeout=600s');
    kubectl.get('apply', '-f', 'examples/snapshot/snapshot.yaml');
    taken('day-one');
    assert.match(
      kubectl.get('get', 'vs', 'day-one', '--no-headers'),
      /^day-one +true +diary +1Gi +standard +snapcontent-/,
    );
    inPod('writer', 'echo "day two" >>/diary/pages');
    kubectl.get('apply', '-f', 'examples/snapshot/restore.yaml');
    kubectl.get('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/reader', '--timeout=600s');
    assert.equal(kubectl.get('logs', 'reader'), 'day one\n');
    // The driver and who asks it end with the kubelet, and come back to what they had begun.
    const apiVersion = `${group}/v1`;
    const metadata = { name: 'kept' };
    const driver = 'hostpath.csi.k8ts.io';
    kubectl.apply({ apiVersion, kind: 'VolumeSnapshotClass', metadata, driver, deletionPolicy: 'Retain' });
    const source = { persistentVolumeClaimName: 'diary' };
    kubectl.apply({ apiVersion, kind: 'VolumeSnapshot', metadata, spec: { source, volumeSnapshotClassName: 'kept' } });
    process.kill(cluster.pidOf('kubelet'), 'SIGKILL');
    taken('kept');
    const [dayOne, kept] = [handleOf('day-one'), handleOf('kept')];
    assert.deepEqual(stored('snapshots'), [dayOne, kept].sort());
    kubectl.get('delete', 'vs', '--all', '--wait=true');
    assert.deepEqual(stored('snapshots'), [kept]);
    const [content] = kubectl.json('get', 'vsc').items;
    assert.equal(content.status.snapshotHandle, kept);
    kubectl.get('delete', 'vsc', '--all', '--wait=true');
    assert.deepEqual(stored('snapshots'), [kept]);
    // It can be had again by its handle.
    const volumeSnapshotRef = { namespace: 'default', name: 'found' };
    const again = { deletionPolicy: 'Delete', driver, source: { snapshotHandle: kept }, volumeSnapshotRef };
    const found = { name: 'found' };
    kubectl.apply({ apiVersion, kind: 'VolumeSnapshotContent', metadata: found, spec: again });
    const spec = { source: { volumeSnapshotContentName: 'found' } };
    kubectl.apply({ apiVersion, kind: 'VolumeSnapshot', metadata: found, spec });
    taken('found');
    kubectl.get('delete', 'vs', 'found', '--wait=true');
    assert.deepEqual(stored('snapshots'), []);
    assert.equal(kubectl.json('get', 'vsc').items.length, 0);
    // Nobody asks for kinds that are gone; claims and volumes are made all the same.
    kubectl.get('delete', 'crd', ...['volumesnapshots', 'volumesnapshotcontents'].map((it) => `${it}.${group}`));
    kubectl.get('delete', '-f', 'examples/snapshot/diary.yaml');
    kubectl.get('delete', 'pod/reader', 'pvc/diary-of-then');
    await eventually('no volume is left', () => kubectl.json('get', 'pv').items.length === 0 || undefined);
  });
});
