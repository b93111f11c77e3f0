// Claims and volumes through the real API server, with all controllers of storage and the scheduler. The provisioner, the
// attacher and the kubelet are the test: what they write is what those of a cluster do.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createControllers } from '../../../controllers/index.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, runControllers } from '../../environment/controllers.ts';
import { runScheduler } from '../../environment/scheduler.ts';
import { core, WorkloadCluster } from '../../environment/workload-cluster.ts';

const storage = '/apis/storage.k8s.io/v1';
const volumesPath = '/api/v1/persistentvolumes';
const provisioner = 'csi.example.com';
// Nodes of this test send no heartbeats.
const start = (api: TestControlPlane) =>
  runControllers(
    api,
    createControllers({ rootCaPem: 'test-ca' }).filter(({ name }) => !name.startsWith('node-')),
  );

const claim = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const affinity = (node: string) => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
  },
});
const volume = (name: string, spec: object = {}, metadata: object = {}) => ({
  metadata: { name, ...metadata },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    ...('csi' in spec ? {} : { local: { path: '/data' }, nodeAffinity: affinity('n2') }),
    ...spec,
  },
});
const pod = (name: string, ...volumes: object[]) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'img:1' }], volumes },
});
const uses = (claimName: string) => ({ name: claimName, persistentVolumeClaim: { claimName } });

describe('persistent volumes', () => {
  let api: TestControlPlane;
  let cluster: WorkloadCluster;

  before(async () => {
    api = await startControlPlane();
    cluster = new WorkloadCluster({ api, node: await runScheduler(api), controllers: await start(api), start });
    for (const name of ['n1', 'n2']) {
      const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
      const labels = { 'kubernetes.io/hostname': name };
      await cluster.post('/api/v1/nodes', { metadata: { name, labels, annotations } });
      await cluster.patch(`/api/v1/nodes/${name}`, { spec: { taints: null } }); // those of new nodes
      const allocatable = { cpu: '8', memory: '8Gi', pods: '110' };
      const status = { allocatable, capacity: allocatable, conditions: [{ type: 'Ready', status: 'True' }] };
      const answer = await api.request('PATCH', `/api/v1/nodes/${name}/status`, {
        body: { status },
        contentType: 'application/merge-patch+json',
      });
      assert.equal(answer.status, 200);
    }
    await cluster.post(`${storage}/storageclasses`, {
      metadata: { name: 'local' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await cluster.post(`${storage}/storageclasses`, {
      metadata: { name: 'made' },
      provisioner,
      volumeBindingMode: 'WaitForFirstConsumer',
    });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const claimsOf = (ns: string) => `${core}/${ns}/persistentvolumeclaims`;
  const isBound = (it: any) => it.status?.phase === 'Bound';
  const nodeOf = async (ns: string, name: string) =>
    (await cluster.until(`${core}/${ns}/pods/${name}`, (it) => it.spec.nodeName)).spec.nodeName;
  /** What the kubelet does at the end. */
  const endPod = (ns: string, name: string) => cluster.delete(`${core}/${ns}/pods/${name}`, { gracePeriodSeconds: 0 });

  test('a volume of one node: its first pod goes there, it is kept when the claim is gone', async () => {
    const ns = await cluster.namespace('static');
    await cluster.post(volumesPath, volume('static', { storageClassName: 'local' }));
    await cluster.until(`${volumesPath}/static`, ({ status }) => status.phase === 'Available');
    await cluster.post(claimsOf(ns), claim('c', { storageClassName: 'local' }));
    const awaits = 'WaitForFirstConsumer waiting for first consumer to be created before binding';
    await eventually(
      'the event',
      () => cluster.events(ns, 'PersistentVolumeClaim'),
      (events) => events.includes(awaits),
    );
    assert.equal((await cluster.get(`${claimsOf(ns)}/c`)).status.phase, 'Pending');
    await cluster.post(`${core}/${ns}/pods`, pod('p', uses('c')));
    assert.equal(await nodeOf(ns, 'p'), 'n2');
    const bound = await cluster.until(`${claimsOf(ns)}/c`, isBound);
    assert.deepEqual(bound.status, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } });
    assert.deepEqual(bound.metadata.annotations, {
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
    });
    const kept = await cluster.until(`${volumesPath}/static`, isBound);
    assert.equal(kept.spec.claimRef.uid, bound.metadata.uid);
    assert.equal(kept.metadata.annotations['pv.kubernetes.io/bound-by-controller'], 'yes');
    // Both stay while the pod has them.
    await cluster.delete(`${claimsOf(ns)}/c`);
    await cluster.until(`${claimsOf(ns)}/c`, ({ metadata }) => metadata.deletionTimestamp);
    await endPod(ns, 'p');
    await cluster.untilGone(`${claimsOf(ns)}/c`);
    await cluster.until(`${volumesPath}/static`, ({ status }) => status.phase === 'Released');
    await cluster.delete(`${volumesPath}/static`);
    await cluster.untilGone(`${volumesPath}/static`);
  });

  test('a volume that is made for a pod, through the hands of scheduler, binder and provisioner', async () => {
    const ns = await cluster.namespace('made');
    await cluster.post(claimsOf(ns), claim('c', { storageClassName: 'made' }));
    await cluster.post(`${core}/${ns}/pods`, pod('p', uses('c')));
    const asked = await cluster.until(
      `${claimsOf(ns)}/c`,
      ({ metadata }) => metadata.annotations?.['volume.kubernetes.io/storage-provisioner'],
    );
    const { annotations, uid } = asked.metadata;
    const node = annotations['volume.kubernetes.io/selected-node'];
    assert.match(node, /^n[12]$/);
    assert.equal(annotations['volume.beta.kubernetes.io/storage-provisioner'], provisioner);
    const name = `pvc-${uid}`;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace: ns, name: 'c', uid };
    const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
    const made = volume(
      name,
      {
        storageClassName: 'made',
        persistentVolumeReclaimPolicy: 'Delete',
        csi: { driver: provisioner, volumeHandle: 'h' },
        nodeAffinity: affinity(node),
        claimRef,
      },
      { annotations: { 'pv.kubernetes.io/provisioned-by': provisioner }, finalizers: [finalizer] },
    );
    await cluster.post(volumesPath, made);
    assert.equal(await nodeOf(ns, 'p'), node);
    assert.equal((await cluster.until(`${claimsOf(ns)}/c`, isBound)).spec.volumeName, name);
    await endPod(ns, 'p');
    await cluster.delete(`${claimsOf(ns)}/c`);
    await cluster.untilGone(`${claimsOf(ns)}/c`);
    await cluster.until(`${volumesPath}/${name}`, ({ status }) => status.phase === 'Released');
    // The driver has removed it: first the object goes, then its finalizer.
    await cluster.delete(`${volumesPath}/${name}`);
    const left = await cluster.until(`${volumesPath}/${name}`, ({ metadata }) => metadata.finalizers.length === 1);
    assert.deepEqual(left.metadata.finalizers, [finalizer]);
    await cluster.patch(`${volumesPath}/${name}`, { metadata: { finalizers: null } });
    await cluster.untilGone(`${volumesPath}/${name}`);
  });

  test('pods are told what is the matter with their claims, and go on once it is mended', async () => {
    const ns = await cluster.namespace('told');
    await cluster.post(`${core}/${ns}/pods`, pod('p', uses('c')));
    const messageOf = (want: string) =>
      cluster.until(`${core}/${ns}/pods/p`, ({ status }) => status.conditions?.[0]?.message === want);
    await messageOf('0/2 nodes are available: persistentvolumeclaim "c" not found. not found');
    await cluster.post(claimsOf(ns), claim('c'));
    await messageOf('0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found');
    const failed = 'FailedBinding no persistent volumes available for this claim and no storage class is set';
    await eventually(
      'the event',
      () => cluster.events(ns, 'PersistentVolumeClaim'),
      (events) => events.includes(failed),
    );
    await cluster.post(volumesPath, volume('told'));
    assert.equal(await nodeOf(ns, 'p'), 'n2');
  });

  test('claims and volumes while controllers and the API server are killed: each volume has one claim', async () => {
    const ns = await cluster.namespace('killed');
    const names = Array.from({ length: 12 }, (_, i) => `k${i}`);
    const labels = { of: 'killed' };
    for (const name of names) {
      await cluster.post(volumesPath, volume(name, { storageClassName: 'k' }, { labels }));
      await cluster.post(claimsOf(ns), claim(name, { storageClassName: 'k', selector: { matchLabels: labels } }));
      if (name === 'k3' || name === 'k7') await cluster.restartControllers();
      if (name === 'k5') {
        await api.killApiServer();
        await api.startApiServer();
      }
    }
    const { items } = await cluster.until(claimsOf(ns), ({ items }) => items.every(isBound));
    assert.equal(new Set(items.map((it: any) => it.spec.volumeName)).size, names.length);
    for (const { metadata, spec } of items) {
      const kept = await cluster.until(`${volumesPath}/${spec.volumeName}`, isBound);
      assert.equal(kept.spec.claimRef.uid, metadata.uid);
    }
    assert.deepEqual(cluster.failures, []);
  });

  test('an ephemeral volume has a claim of its own, which goes with the pod', async () => {
    const ns = await cluster.namespace('ephemeral');
    await cluster.post(volumesPath, volume('ephemeral', { storageClassName: 'local' }));
    const { spec } = claim('', { storageClassName: 'local' });
    const template = { metadata: { labels: { a: 'b' } }, spec };
    const created = await cluster.post(
      `${core}/${ns}/pods`,
      pod('p', { name: 'v', ephemeral: { volumeClaimTemplate: template } }),
    );
    const bound = await cluster.until(`${claimsOf(ns)}/p-v`, isBound);
    assert.deepEqual(
      [bound.metadata.labels, bound.metadata.ownerReferences[0].uid],
      [{ a: 'b' }, created.metadata.uid],
    );
    assert.equal(await nodeOf(ns, 'p'), 'n2');
    await endPod(ns, 'p');
    await cluster.untilGone(`${claimsOf(ns)}/p-v`);
  });

  test('a volume is attached for a pod, and detached when the node has it no longer in use', async () => {
    const ns = await cluster.namespace('attach');
    await cluster.post(`${storage}/csidrivers`, { metadata: { name: 'attach.example.com' }, spec: {} });
    const csi = { driver: 'attach.example.com', volumeHandle: 'h' };
    await cluster.post(volumesPath, volume('attach', { csi, nodeAffinity: affinity('n1') }));
    await cluster.post(claimsOf(ns), claim('c', { volumeName: 'attach' }));
    await cluster.post(`${core}/${ns}/pods`, pod('p', uses('c')));
    const { items } = await cluster.until(`${storage}/volumeattachments`, ({ items }) => items.length > 0);
    const [it] = items;
    const path = `${storage}/volumeattachments/${it.metadata.name}`;
    assert.deepEqual(it.spec, { attacher: csi.driver, nodeName: 'n1', source: { persistentVolumeName: 'attach' } });
    const name = 'kubernetes.io/csi/attach.example.com^h';
    const patchStatus = async (of: string, status: object) => {
      const contentType = 'application/merge-patch+json';
      assert.equal((await api.request('PATCH', `${of}/status`, { body: { status }, contentType })).status, 200);
    };
    await patchStatus('/api/v1/nodes/n1', { volumesInUse: [name] });
    await patchStatus(path, { attached: true });
    const listed = ({ status }: any) => status.volumesAttached?.length === 1;
    assert.deepEqual((await cluster.until('/api/v1/nodes/n1', listed)).status.volumesAttached, [
      { name, devicePath: '' },
    ]);
    const told = 'SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "attach" ';
    await eventually(
      'the event',
      () => cluster.events(ns, 'Pod'),
      (events) => events.includes(told),
    );
    await cluster.restartControllers(); // they find what they have done
    await endPod(ns, 'p');
    assert.equal((await api.request('GET', path)).status, 200); // the node has not let it go
    await patchStatus('/api/v1/nodes/n1', { volumesInUse: null });
    await cluster.untilGone(path);
    await cluster.until('/api/v1/nodes/n1', ({ status }) => !status.volumesAttached?.length);
  });

  test('an attributes class stays while a claim names it', async () => {
    const ns = await cluster.namespace('attributes');
    const path = `${storage}/volumeattributesclasses`;
    const made = await cluster.post(path, {
      metadata: { name: 'gold' },
      driverName: provisioner,
      parameters: { a: 'b' },
    });
    assert.deepEqual(made.metadata.finalizers, ['kubernetes.io/vac-protection']);
    await cluster.post(claimsOf(ns), claim('c', { volumeAttributesClassName: 'gold' }));
    await cluster.delete(`${path}/gold`);
    assert.ok((await cluster.get(`${path}/gold`)).metadata.deletionTimestamp);
    await cluster.delete(`${claimsOf(ns)}/c`);
    await cluster.untilGone(`${path}/gold`);
  });

  test('claims without a class get the one that becomes the default', async () => {
    const ns = await cluster.namespace('default-class');
    await cluster.post(claimsOf(ns), claim('c'));
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await cluster.post(`${storage}/storageclasses`, { metadata: { name: 'std', annotations }, provisioner });
    const asked = await cluster.until(`${claimsOf(ns)}/c`, ({ spec }) => spec.storageClassName === 'std');
    assert.equal(asked.status.phase, 'Pending');
    await cluster.until(
      `${claimsOf(ns)}/c`,
      ({ metadata }) => metadata.annotations?.['volume.kubernetes.io/storage-provisioner'] === provisioner,
    );
    await cluster.delete(`${storage}/storageclasses/std`);
  });
});
