// Nodes that get ready, taints that make pods leave, and what is deleted by the passing of time.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { batch, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const condition = (type: string, status: string) => ({ type, status, reason: 'Test', message: 'test' });
const notReady = 'node.kubernetes.io/not-ready';

describe('node controllers', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster(({ metadata }) => (metadata.namespace === 'ttl' ? 'succeeded' : 'ready'));
    await cluster.post('/api/v1/nodes', { metadata: { name: 'fake-node' } });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const node = '/api/v1/nodes/fake-node';
  const report = (status: string) =>
    cluster.patch(`${node}/status`, { status: { conditions: [condition('Ready', status)] } });
  const taintsOf = (n: any) => (n.spec.taints ?? []).map((t: any) => `${t.key}:${t.effect}`);

  test('taints follow from readiness', async () => {
    assert.deepEqual(taintsOf(await cluster.get(node)), [`${notReady}:NoSchedule`]);
    await report('True');
    await cluster.until(node, (n) => taintsOf(n).length === 0);
    await report('False');
    // The only node there is: pods have nowhere to go.
    const bad = await cluster.until(node, (n) => taintsOf(n).length > 0);
    assert.deepEqual(taintsOf(bad), [`${notReady}:NoSchedule`]);
    assert.ok(bad.spec.taints.every((t: any) => t.timeAdded));
    await cluster.patch(node, { spec: { unschedulable: true } });
    await report('True');
    await cluster.until(node, (n) => taintsOf(n).join() === 'node.kubernetes.io/unschedulable:NoSchedule');
    await cluster.patch(node, { spec: { unschedulable: null } });
    await cluster.until(node, (n) => taintsOf(n).length === 0);
  });

  test('pods leave a tainted node when they no longer tolerate it', async () => {
    const ns = await cluster.namespace('taint');
    const spec = { containers: [{ name: 'c', image: 'img' }] };
    const toleration = { key: 'k', operator: 'Exists', effect: 'NoExecute' };
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'p' }, spec });
    const q = { ...spec, tolerations: [{ ...toleration, tolerationSeconds: 1 }] };
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'q', finalizers: ['example.com/hold'] }, spec: q });
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'r' }, spec: { ...spec, tolerations: [toleration] } });
    await cluster.until(`${core}/${ns}/pods`, ({ items }) => items.every((p: any) => p.status.phase === 'Running'));
    await cluster.patch(node, { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] } });
    await cluster.untilGone(`${core}/${ns}/pods/p`);
    const held = await cluster.until(`${core}/${ns}/pods/q`, (p) => p.metadata.deletionTimestamp);
    const { type, status, reason, message } = held.status.conditions.find((c: any) => c.type === 'DisruptionTarget');
    assert.deepEqual(
      [type, status, reason, message],
      ['DisruptionTarget', 'True', 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint'],
    );
    await cluster.patch(`${core}/${ns}/pods/q`, { metadata: { finalizers: null } });
    assert.equal((await cluster.get(`${core}/${ns}/pods/r`)).metadata.deletionTimestamp, undefined);
    assert.deepEqual(await cluster.events(ns, 'Pod'), [
      'TaintManagerEviction Marking for deletion Pod taint/p',
      'TaintManagerEviction Marking for deletion Pod taint/q',
    ]);
    // Pods of what follows would be told to go before they have ended.
    await cluster.patch(node, { spec: { taints: null } });
    await cluster.until(node, (n) => taintsOf(n).length === 0);
  });

  test('a finished job goes when its time is over', async () => {
    const ns = await cluster.namespace('ttl');
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'ok' }] } };
    await cluster.post(`${batch}/${ns}/jobs`, {
      metadata: { name: 'j' },
      // Times are whole seconds: with less, the finished job may be gone before anybody has seen it.
      spec: { ttlSecondsAfterFinished: 6, template },
    });
    await cluster.until(`${batch}/${ns}/jobs/j`, (j) => j.status?.completionTime);
    await cluster.untilGone(`${batch}/${ns}/jobs/j`);
    await cluster.until(`${core}/${ns}/pods`, ({ items }) => items.length === 0);
    assert.deepEqual(cluster.failures, []);
  });
});
