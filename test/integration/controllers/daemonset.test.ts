// Daemon sets over nodes that come, go and are tainted; a rolling update with its revisions, as
// recorded from Kubernetes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apps, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const labels = { app: 'w' };
const set = {
  metadata: { name: 'w' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'img:1' }] } },
  },
};

describe('daemon set controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
  });
  after(() => cluster[Symbol.asyncDispose]());

  // A taint that node lifecycle does not look after; daemons do not tolerate it.
  const addNode = (name: string, taints: object[] = []) =>
    cluster.post('/api/v1/nodes', { metadata: { name }, spec: { taints } });
  const daemons = `${apps}/ds/daemonsets/w`;

  test('one pod a node, a rolling update, and the history', async () => {
    await cluster.namespace('ds');
    await cluster.post(`${apps}/ds/daemonsets`, set);
    await addNode('n1');
    await addNode('n2', [{ key: 'k', value: 'v', effect: 'NoSchedule' }]);
    const untaint = { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } };
    await cluster.patch('/api/v1/nodes/n1', { spec: { taints: [] } });
    await cluster.patch('/api/v1/nodes/n2', untaint);
    const ready = await cluster.until(
      daemons,
      ({ status }) => status?.numberAvailable === 1 && status.observedGeneration === 1,
    );
    assert.equal(ready.status.desiredNumberScheduled, 1);
    const [pod] = (await cluster.get(`${core}/ds/pods`)).items;
    assert.deepEqual(pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms, [
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
    ]);
    assert.equal(pod.metadata.labels['pod-template-generation'], '1');
    await cluster.patch('/api/v1/nodes/n2', { spec: { taints: [] } });
    await cluster.until(daemons, ({ status }) => status.numberAvailable === 2);
    await cluster.patch(daemons, { spec: { template: { spec: { containers: [{ name: 'c', image: 'img:2' }] } } } });
    const { status } = await cluster.until(
      daemons,
      (d) =>
        d.status.observedGeneration === 2 && d.status.updatedNumberScheduled === 2 && d.status.numberAvailable === 2,
    );
    assert.deepEqual(status, {
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      desiredNumberScheduled: 2,
      numberReady: 2,
      observedGeneration: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    });
    const { items: revisions } = await cluster.get(`${apps}/ds/controllerrevisions`);
    assert.deepEqual(revisions.map((r: any) => r.revision).sort(), [1, 2]);
    assert.deepEqual(
      revisions.map((r: any) => r.metadata.annotations['deprecated.daemonset.template.generation']).sort(),
      ['1', '2'],
    );
    assert.equal(revisions[0].data.spec.template.$patch, 'replace');
    await cluster.delete('/api/v1/nodes/n2');
    await cluster.until(daemons, (d) => d.status.desiredNumberScheduled === 1);
    assert.deepEqual(cluster.failures, []);
  });
});
