// The three ways of deleting an owner, and what becomes of its dependents.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apps, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const labels = { app: 'w' };
const deployment = {
  metadata: { name: 'w' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'img:1' }] } },
  },
};

describe('garbage collector', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
  });
  after(() => cluster[Symbol.asyncDispose]());

  const deploy = async (ns: string) => {
    await cluster.namespace(ns);
    await cluster.post(`${apps}/${ns}/deployments`, deployment);
    await cluster.until(`${apps}/${ns}/deployments/w`, (d) => d.status?.availableReplicas === 2);
  };
  const remove = (ns: string, propagationPolicy: string) =>
    cluster.delete(`${apps}/${ns}/deployments/w`, { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy });
  const isEmpty = (list: any) => list.items.length === 0;

  test('background: the owner goes at once, the rest follows', async () => {
    await deploy('background');
    await remove('background', 'Background');
    assert.equal((await cluster.api.request('GET', `${apps}/background/deployments/w`)).status, 404);
    await cluster.until(`${apps}/background/replicasets`, isEmpty);
    await cluster.until(`${core}/background/pods`, isEmpty);
  });

  test('foreground: the owner goes last', async () => {
    await deploy('foreground');
    const [set] = (await cluster.get(`${apps}/foreground/replicasets`)).items;
    const hold = { metadata: { finalizers: ['example.com/hold'] } };
    await cluster.patch(`${apps}/foreground/replicasets/${set.metadata.name}`, hold);
    await remove('foreground', 'Foreground');
    await cluster.until(`${core}/foreground/pods`, isEmpty);
    const waiting = await cluster.get(`${apps}/foreground/deployments/w`);
    assert.deepEqual(waiting.metadata.finalizers, ['foregroundDeletion']);
    await cluster.patch(`${apps}/foreground/replicasets/${set.metadata.name}`, { metadata: { finalizers: null } });
    await cluster.untilGone(`${apps}/foreground/deployments/w`);
  });

  test("orphan: the dependents stay and are nobody's", async () => {
    await deploy('orphan');
    await remove('orphan', 'Orphan');
    await cluster.untilGone(`${apps}/orphan/deployments/w`);
    const { items } = await cluster.get(`${apps}/orphan/replicasets`);
    assert.deepEqual(
      items.map((s: any) => s.metadata.ownerReferences),
      [undefined],
    );
    assert.equal((await cluster.get(`${core}/orphan/pods`)).items.length, 2);
    // A new deployment of the same selector takes them in.
    await cluster.post(`${apps}/orphan/deployments`, deployment);
    await cluster.until(`${apps}/orphan/replicasets`, (l) => l.items.every((s: any) => s.metadata.ownerReferences));
    assert.equal((await cluster.get(`${core}/orphan/pods`)).items.length, 2);
  });

  test('a dependent of two owners loses the reference to the one that is gone', async () => {
    await cluster.namespace('shared');
    const owners = await Promise.all(
      ['a', 'b'].map((name) => cluster.post(`${core}/shared/configmaps`, { metadata: { name } })),
    );
    const ownerReferences = owners.map(({ metadata: { name, uid } }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name,
      uid,
    }));
    await cluster.post(`${core}/shared/secrets`, { metadata: { name: 'd', ownerReferences } });
    await cluster.delete(`${core}/shared/configmaps/a`);
    await cluster.until(`${core}/shared/secrets/d`, (s) => s.metadata.ownerReferences?.length === 1);
    await cluster.delete(`${core}/shared/configmaps/b`);
    await cluster.untilGone(`${core}/shared/secrets/d`);
    assert.deepEqual(cluster.failures, []);
  });
});
