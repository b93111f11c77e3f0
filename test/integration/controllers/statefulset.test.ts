// Stateful sets over their pods and claims: order, identity, updates with partitions, scale, retention, restarts.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apps, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const labels = { app: 'w' };
const template = (image: string, more: object = {}) => ({
  metadata: { labels: { ...labels, ...more } },
  spec: { containers: [{ name: 'c', image }] },
});
const statefulSet = (spec: object = {}) => ({
  metadata: { name: 'w' },
  spec: { replicas: 3, serviceName: 'svc', selector: { matchLabels: labels }, template: template('img:1'), ...spec },
});
const claimTemplates = [
  {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
];

describe('stateful set controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    // Pods that are to be sick never get ready.
    cluster = await startWorkloadCluster((pod) => (pod.metadata.labels?.sick ? 'unready' : 'ready'));
  });
  after(() => cluster[Symbol.asyncDispose]());

  const pathOf = (ns: string) => `${apps}/${ns}/statefulsets/w`;
  const create = (ns: string, spec: object = {}) => cluster.post(`${apps}/${ns}/statefulsets`, statefulSet(spec));
  const listOf = async (ns: string, plural: string) => (await cluster.get(`${core}/${ns}/${plural}`)).items;
  const untilSettled = (ns: string, replicas: number, updated = replicas) =>
    cluster.until(pathOf(ns), ({ metadata, status }) => {
      const isCurrent = status.observedGeneration === metadata.generation && status.replicas === replicas;
      return isCurrent && (status.readyReplicas ?? 0) === replicas && (status.updatedReplicas ?? 0) === updated;
    });
  const imagesOf = async (ns: string) =>
    (await listOf(ns, 'pods')).map((pod: any) => `${pod.metadata.name} ${pod.spec.containers[0].image}`);

  test('one after the other, each with its identity; an update from above, and the history', async () => {
    const ns = await cluster.namespace('ordered');
    await create(ns);
    const first = await untilSettled(ns, 3);
    const pods = await listOf(ns, 'pods');
    const hash = first.status.updateRevision;
    assert.equal(first.status.currentRevision, hash);
    assert.equal(first.status.collisionCount, 0);
    for (const [i, { metadata, spec }] of pods.entries()) {
      assert.deepEqual(metadata.labels, {
        ...labels,
        'apps.kubernetes.io/pod-index': String(i),
        'controller-revision-hash': hash,
        'statefulset.kubernetes.io/pod-name': `w-${i}`,
      });
      assert.deepEqual([metadata.name, spec.hostname, spec.subdomain], [`w-${i}`, `w-${i}`, 'svc']);
    }
    await cluster.patch(pathOf(ns), { spec: { template: template('img:2') } });
    const second = await untilSettled(ns, 3);
    assert.deepEqual(await imagesOf(ns), ['w-0 img:2', 'w-1 img:2', 'w-2 img:2']);
    assert.equal(second.status.currentRevision, second.status.updateRevision);
    assert.notEqual(second.status.updateRevision, hash);
    const deletes = (await cluster.events(ns, 'StatefulSet')).filter((event) => event.startsWith('SuccessfulDelete'));
    const of = (i: number) => `SuccessfulDelete Delete Pod w-${i} in StatefulSet w successful`;
    assert.deepEqual(deletes, [of(2), of(1), of(0)]);
    // The first template comes back: its revision is the newest again.
    await cluster.patch(pathOf(ns), { spec: { template: template('img:1') } });
    const third = await cluster.until(pathOf(ns), ({ status }) => status.updateRevision === hash);
    await untilSettled(ns, 3);
    assert.equal(third.status.collisionCount, 0);
    const { items } = await cluster.get(`${apps}/${ns}/controllerrevisions`);
    assert.deepEqual(items.map((r: any) => [r.metadata.name === hash, r.revision]).sort(), [
      [false, 2],
      [true, 3],
    ]);
  });

  test('a pod that is not ready holds up those after it; a restart goes on', async () => {
    const ns = await cluster.namespace('held');
    await create(ns, { template: template('img:1', { sick: 'yes' }) });
    await cluster.until(`${core}/${ns}/pods/w-0`, (pod) => pod.status?.phase === 'Running');
    await cluster.restartControllers();
    await cluster.until(pathOf(ns), ({ status }) => status.replicas === 1 && status.observedGeneration === 1);
    assert.equal((await listOf(ns, 'pods')).length, 1);
    const pod = await cluster.get(`${core}/${ns}/pods/w-0`);
    for (const condition of pod.status.conditions) condition.status = 'True';
    await cluster.api.request('PUT', `${core}/${ns}/pods/w-0/status`, { body: pod });
    await cluster.until(`${core}/${ns}/pods/w-1`, ({ status }) => status?.phase === 'Running');
    assert.equal((await listOf(ns, 'pods')).length, 2);
  });

  test('a partition keeps the lower ones, also when they come anew; OnDelete keeps all', async () => {
    const ns = await cluster.namespace('partition');
    await create(ns, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    await untilSettled(ns, 3);
    await cluster.patch(pathOf(ns), { spec: { template: template('img:2') } });
    const { status } = await untilSettled(ns, 3, 1);
    assert.equal(status.currentReplicas, 2);
    const { uid } = (await cluster.get(`${core}/${ns}/pods/w-0`)).metadata;
    await cluster.delete(`${core}/${ns}/pods/w-0`);
    await cluster.until(`${core}/${ns}/pods/w-0`, (pod) => pod.metadata?.uid && pod.metadata.uid !== uid);
    await untilSettled(ns, 3, 1);
    assert.deepEqual(await imagesOf(ns), ['w-0 img:1', 'w-1 img:1', 'w-2 img:2']);
    await cluster.patch(pathOf(ns), { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } });
    const before = (await cluster.get(`${core}/${ns}/pods/w-1`)).metadata.uid;
    await cluster.delete(`${core}/${ns}/pods/w-1`);
    await cluster.until(`${core}/${ns}/pods/w-1`, (pod) => pod.metadata?.uid && pod.metadata.uid !== before);
    await untilSettled(ns, 3, 2);
    assert.deepEqual(await imagesOf(ns), ['w-0 img:1', 'w-1 img:2', 'w-2 img:2']);
  });

  test('in parallel nothing waits; a start ordinal moves the range', async () => {
    const ns = await cluster.namespace('parallel');
    const sick = template('img:1', { sick: 'yes' });
    await create(ns, { podManagementPolicy: 'Parallel', ordinals: { start: 5 }, template: sick });
    await cluster.until(pathOf(ns), ({ status }) => status.replicas === 3);
    const names = async () => (await listOf(ns, 'pods')).map((pod: any) => pod.metadata.name);
    assert.deepEqual(await names(), ['w-5', 'w-6', 'w-7']);
    await cluster.patch(pathOf(ns), { spec: { replicas: 2, ordinals: { start: 4 } } });
    await cluster.until(`${core}/${ns}/pods`, ({ items }) => {
      return items.map((pod: any) => pod.metadata.name).join() === 'w-4,w-5';
    });
  });

  test('claims come with their pods, stay or go by the policy, and are used again', async () => {
    const ns = await cluster.namespace('claims');
    const policy = { whenScaled: 'Delete', whenDeleted: 'Retain' };
    const spec = { replicas: 2, volumeClaimTemplates: claimTemplates, persistentVolumeClaimRetentionPolicy: policy };
    await create(ns, spec);
    await untilSettled(ns, 2);
    const claimsOf = async () => (await listOf(ns, 'persistentvolumeclaims')).map((claim: any) => claim.metadata.name);
    assert.deepEqual(await claimsOf(), ['data-w-0', 'data-w-1']);
    const { volumes } = (await cluster.get(`${core}/${ns}/pods/w-1`)).spec;
    assert.deepEqual(volumes[0], { name: 'data', persistentVolumeClaim: { claimName: 'data-w-1' } });
    assert.ok(
      (await cluster.events(ns, 'StatefulSet')).includes(
        'SuccessfulCreate Create Claim data-w-0 Pod w-0 in StatefulSet w success',
      ),
    );
    await cluster.patch(`${pathOf(ns)}/scale`, { spec: { replicas: 1 } });
    await cluster.untilGone(`${core}/${ns}/persistentvolumeclaims/data-w-1`);
    await untilSettled(ns, 1);
    await cluster.patch(`${pathOf(ns)}/scale`, { spec: { replicas: 2 } });
    await untilSettled(ns, 2);
    assert.deepEqual(await claimsOf(), ['data-w-0', 'data-w-1']);
    // From now on they go with the set.
    await cluster.patch(pathOf(ns), {
      spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Delete' } },
    });
    await cluster.until(`${core}/${ns}/persistentvolumeclaims`, ({ items }) =>
      items.every((claim: any) => claim.metadata.ownerReferences?.[0]?.kind === 'StatefulSet'),
    );
    await cluster.delete(pathOf(ns));
    await cluster.until(`${core}/${ns}/persistentvolumeclaims`, ({ items }) => items.length === 0);
    assert.deepEqual(cluster.failures, []);
  });
});
