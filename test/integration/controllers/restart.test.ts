// Controllers go on after the API server or they themselves were gone for a while.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apps, batch, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const labels = { app: 'w' };
const deployment = {
  metadata: { name: 'w' },
  spec: {
    replicas: 3,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'img:1' }] } },
  },
};

describe('controllers', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster(({ spec }) => (spec.restartPolicy === 'Never' ? 'succeeded' : 'ready'));
  });
  after(() => cluster[Symbol.asyncDispose]());

  test('the API server is killed during a roll-out', async () => {
    const ns = await cluster.namespace('killed');
    await cluster.post(`${apps}/${ns}/deployments`, deployment);
    await cluster.api.killApiServer();
    await cluster.api.startApiServer();
    await cluster.until(`${apps}/${ns}/deployments/w`, (d) => d.status?.availableReplicas === 3);
    await cluster.patch(`${apps}/${ns}/deployments/w/scale`, { spec: { replicas: 5 } });
    await cluster.until(`${apps}/${ns}/deployments/w`, (d) => d.status?.availableReplicas === 5);
    assert.equal((await cluster.get(`${core}/${ns}/pods`)).items.length, 5);
    assert.deepEqual(cluster.failures, []);
  });

  test('controllers that start again count no pod twice', async () => {
    const ns = await cluster.namespace('again');
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'ok' }] } };
    const spec = { completions: 12, parallelism: 3, template };
    await cluster.post(`${batch}/${ns}/jobs`, { metadata: { name: 'j' }, spec });
    for (const least of [2, 6]) {
      await cluster.until(`${batch}/${ns}/jobs/j`, (j) => (j.status?.succeeded ?? 0) >= least);
      await cluster.restartControllers();
    }
    const { status } = await cluster.until(`${batch}/${ns}/jobs/j`, (j) => j.status?.completionTime);
    assert.deepEqual([status.succeeded, status.failed], [12, undefined]);
    const { items } = await cluster.until(`${core}/${ns}/pods`, (l) =>
      l.items.every((p: any) => !p.metadata.finalizers),
    );
    assert.equal(items.length, 12);
    assert.deepEqual(cluster.failures, []);
  });
});
