// Endpoints and endpoint slices of services, as recorded from Kubernetes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const slices = '/apis/discovery.k8s.io/v1/namespaces';

describe('endpoint controllers', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster((pod) => (pod.metadata.name === 'r' ? 'unready' : 'ready'));
    // Pods of a node that is not there have no endpoints.
    await cluster.post('/api/v1/nodes', { metadata: { name: 'fake-node' } });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const pod = (name: string) => ({
    metadata: { name, labels: { app: 's' } },
    spec: { containers: [{ name: 'c', image: 'img', ports: [{ name: 'web', containerPort: 8080 }] }] },
  });

  test('a service with a named port, two ready pods and one that is not', async () => {
    const ns = await cluster.namespace('svc');
    const spec = { selector: { app: 's' }, ports: [{ name: 'http', port: 80, targetPort: 'web' }] };
    await cluster.post(`${core}/${ns}/services`, { metadata: { name: 'svc', labels: { l: '1' } }, spec });
    for (const name of ['p', 'q', 'r']) await cluster.post(`${core}/${ns}/pods`, pod(name));
    const list = await cluster.until(`${slices}/${ns}/endpointslices`, ({ items }) =>
      items.some(
        (s: any) => s.endpoints?.filter((e: any) => e.conditions.ready).length === 2 && s.endpoints.length === 3,
      ),
    );
    assert.equal(list.items.length, 1);
    const [slice] = list.items;
    assert.deepEqual(slice.metadata.labels, {
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      'kubernetes.io/service-name': 'svc',
      l: '1',
    });
    assert.equal(slice.metadata.generateName, 'svc-');
    assert.deepEqual(slice.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
    const r = slice.endpoints.find((e: any) => e.targetRef.name === 'r');
    assert.deepEqual(r.conditions, { ready: false, serving: false, terminating: false });
    const { subsets, metadata } = await cluster.get(`${core}/${ns}/endpoints/svc`);
    assert.deepEqual(metadata.labels, { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller', l: '1' });
    assert.equal(subsets.length, 1);
    assert.equal(subsets[0].addresses.length, 2);
    assert.deepEqual(
      subsets[0].notReadyAddresses.map((a: any) => a.targetRef.name),
      ['r'],
    );
    assert.deepEqual(subsets[0].ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
    await cluster.delete(`${core}/${ns}/services/svc`);
    await cluster.untilGone(`${core}/${ns}/endpoints/svc`);
    await cluster.until(`${slices}/${ns}/endpointslices`, ({ items }) => items.length === 0);
    assert.deepEqual(cluster.failures, []);
  });
});
