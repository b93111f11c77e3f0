// A replication controller over its pods: created, adopted, released, scaled; refused by a quota, and let go.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const labels = { app: 'w' };
const spec = { containers: [{ name: 'c', image: 'img' }] };
const controller = (replicas: number) => ({
  metadata: { name: 'rc' },
  spec: { replicas, selector: labels, template: { metadata: { labels }, spec } },
});

describe('replication controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
  });
  after(() => cluster[Symbol.asyncDispose]());

  const pathOf = (ns: string) => `${core}/${ns}/replicationcontrollers/rc`;
  const untilReady = (ns: string, count: number) =>
    cluster.until(pathOf(ns), ({ metadata, status }) => {
      const isCurrent = status.observedGeneration === metadata.generation && status.replicas === count;
      return isCurrent && (status.availableReplicas ?? 0) === count;
    });

  test('creates, adopts, releases, and scales', async () => {
    const ns = await cluster.namespace('rc');
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'orphan', labels }, spec });
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'stranger', labels: { app: 'x' } }, spec });
    await cluster.post(`${core}/${ns}/replicationcontrollers`, controller(3));
    const { status, metadata } = await untilReady(ns, 3);
    const counts = { replicas: 3, fullyLabeledReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
    assert.deepEqual(status, { ...counts, observedGeneration: 1 });
    const ownersOf = async (name: string) => (await cluster.get(`${core}/${ns}/pods/${name}`)).metadata.ownerReferences;
    const owner = { apiVersion: 'v1', kind: 'ReplicationController', name: 'rc', uid: metadata.uid };
    assert.deepEqual(await ownersOf('orphan'), [{ ...owner, controller: true, blockOwnerDeletion: true }]);
    assert.equal(await ownersOf('stranger'), undefined);
    // One that is no longer selected is let go, and another comes in its place.
    await cluster.patch(`${core}/${ns}/pods/orphan`, { metadata: { labels: { app: 'x' } } });
    await cluster.until(`${core}/${ns}/pods/orphan`, (pod) => pod.metadata.ownerReferences === undefined);
    await cluster.until(`${core}/${ns}/pods`, ({ items }) => items.length === 5);
    await cluster.patch(`${pathOf(ns)}/scale`, { spec: { replicas: 1 } });
    await untilReady(ns, 1);
    const reasons = (await cluster.events(ns, 'ReplicationController')).map((event) => event.split(':')[0]);
    assert.deepEqual([...new Set(reasons)], ['SuccessfulCreate Created pod', 'SuccessfulDelete Deleted pod']);
  });

  test('what a quota refuses is a condition until the quota grows', async () => {
    const ns = await cluster.namespace('full');
    const quota = { metadata: { name: 'q' }, spec: { hard: { pods: '2' } } };
    await cluster.post(`${core}/${ns}/resourcequotas`, quota);
    await cluster.until(`${core}/${ns}/resourcequotas/q`, (q) => q.status?.hard?.pods === '2');
    await cluster.post(`${core}/${ns}/replicationcontrollers`, controller(3));
    const { status } = await cluster.until(pathOf(ns), (rc) => rc.status.replicas === 2 && rc.status.conditions);
    const [{ type, reason, message }] = status.conditions;
    assert.deepEqual([type, reason], ['ReplicaFailure', 'FailedCreate']);
    assert.match(message, /exceeded quota: q/);
    await cluster.patch(`${core}/${ns}/resourcequotas/q`, { spec: { hard: { pods: '5' } } });
    assert.equal((await untilReady(ns, 3)).status.conditions, undefined);
    assert.deepEqual(cluster.failures, []);
  });
});
