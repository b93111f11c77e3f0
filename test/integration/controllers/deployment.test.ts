// Deployments on a real API server: roll-out, scaling, undo, pause, recreation. Statuses and events
// as recorded from Kubernetes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apps, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

function deployment(spec: object = {}, podSpec: object = {}) {
  const labels = { app: 'w' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'img:1' }], ...podSpec } };
  return { metadata: { name: 'w' }, spec: { replicas: 1, selector: { matchLabels: labels }, template, ...spec } };
}

const imageIs = (image: string) => ({ template: { spec: { containers: [{ name: 'c', image }] } } });
const conditionOf = (d: any, type: string) => d.status?.conditions?.find((c: any) => c.type === type);
const replicasOf = (sets: any[]) => sets.map((s) => s.spec.replicas).sort();

function isComplete({ metadata, spec, status = {} }: any): boolean {
  const counts = [status.updatedReplicas, status.replicas, status.availableReplicas];
  return (
    conditionOf({ status }, 'Progressing')?.reason === 'NewReplicaSetAvailable' &&
    status.observedGeneration === metadata.generation &&
    counts.every((n = 0) => n === spec.replicas)
  );
}

describe('deployment controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster((pod) => (pod.spec.containers?.[0]?.image === 'bad:1' ? 'pending' : 'ready'));
  });
  after(() => cluster[Symbol.asyncDispose]());

  const create = async (ns: string, object: object) => {
    await cluster.namespace(ns);
    await cluster.post(`${apps}/${ns}/deployments`, object);
  };
  const complete = (ns: string) => cluster.until(`${apps}/${ns}/deployments/w`, isComplete);
  const patch = (ns: string, spec: object) => cluster.patch(`${apps}/${ns}/deployments/w`, { spec });

  test('rolls out, scales, rolls out again, and goes back', async () => {
    await create('roll', deployment({ replicas: 3 }));
    const first = await complete('roll');
    assert.equal(first.metadata.generation, 1);
    assert.equal(first.metadata.annotations['deployment.kubernetes.io/revision'], '1');
    const { conditions, ...counts } = first.status;
    assert.deepEqual(
      conditions.map((c: any) => [c.type, c.status, c.reason]),
      [
        ['Available', 'True', 'MinimumReplicasAvailable'],
        ['Progressing', 'True', 'NewReplicaSetAvailable'],
      ],
    );
    const three = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
    assert.deepEqual(counts, { observedGeneration: 1, ...three, terminatingReplicas: 0 });
    await cluster.patch(`${apps}/roll/deployments/w/scale`, { spec: { replicas: 5 } });
    await complete('roll');
    await patch('roll', imageIs('img:2'));
    const second = await complete('roll');
    assert.equal(second.metadata.annotations['deployment.kubernetes.io/revision'], '2');
    const sets = (await cluster.get(`${apps}/roll/replicasets`)).items;
    assert.deepEqual(replicasOf(sets), [0, 5]);
    // What `kubectl rollout undo` does: the template of the old set.
    const old = sets.find((s: any) => s.spec.replicas === 0);
    const { 'pod-template-hash': _hash, ...labels } = old.spec.template.metadata.labels;
    await patch('roll', { template: { ...old.spec.template, metadata: { labels } } });
    const third = await complete('roll');
    assert.equal(third.metadata.annotations['deployment.kubernetes.io/revision'], '3');
    const setsAfter = (await cluster.get(`${apps}/roll/replicasets`)).items;
    const again = setsAfter.find((s: any) => s.metadata.name === old.metadata.name);
    assert.deepEqual(replicasOf(setsAfter), [0, 5]);
    assert.equal(again.spec.replicas, 5);
    assert.equal(again.metadata.annotations['deployment.kubernetes.io/revision-history'], '1');
    assert.deepEqual((await cluster.events('roll', 'Deployment')).slice(0, 2), [
      'ScalingReplicaSet Scaled up replica set w-H from 0 to 3',
      'ScalingReplicaSet Scaled up replica set w-H from 3 to 5',
    ]);
  });

  test('pauses, resumes and recreates', async () => {
    await create('pause', deployment({ strategy: { type: 'Recreate' } }));
    await complete('pause');
    await patch('pause', { paused: true });
    const isPaused = (d: any) => conditionOf(d, 'Progressing')?.reason === 'DeploymentPaused';
    const paused = await cluster.until(`${apps}/pause/deployments/w`, isPaused);
    assert.equal(conditionOf(paused, 'Progressing').message, 'Deployment is paused');
    await patch('pause', { replicas: 2, ...imageIs('img:2') });
    await cluster.until(
      `${apps}/pause/replicasets`,
      ({ items }) => items.length === 1 && items[0].status.readyReplicas === 2,
    );
    await patch('pause', { paused: false });
    await complete('pause');
    assert.deepEqual(replicasOf((await cluster.get(`${apps}/pause/replicasets`)).items), [0, 2]);
    assert.deepEqual(await cluster.events('pause', 'Deployment'), [
      'ScalingReplicaSet Scaled up replica set w-H from 0 to 1',
      'ScalingReplicaSet Scaled up replica set w-H from 1 to 2',
      'ScalingReplicaSet Scaled down replica set w-H from 2 to 0',
      'ScalingReplicaSet Scaled up replica set w-H from 0 to 2',
    ]);
  });

  test('tells a roll-out that does not progress', async () => {
    const podSpec = { containers: [{ name: 'c', image: 'bad:1' }] };
    await create('stuck', deployment({ progressDeadlineSeconds: 2 }, podSpec));
    const isLate = (d: any) => conditionOf(d, 'Progressing')?.reason === 'ProgressDeadlineExceeded';
    const stuck = await cluster.until(`${apps}/stuck/deployments/w`, isLate);
    assert.match(conditionOf(stuck, 'Progressing').message, /^ReplicaSet "w-[a-z0-9]+" has timed out progressing\.$/);
    const { conditions: _, ...counts } = stuck.status;
    const one = { replicas: 1, updatedReplicas: 1, unavailableReplicas: 1 };
    assert.deepEqual(counts, { observedGeneration: 1, ...one, terminatingReplicas: 0 });
  });

  test('tells that pods cannot be created', async () => {
    await create('refused', deployment({}, { serviceAccountName: 'nope' }));
    const isRefused = (d: any) => conditionOf(d, 'ReplicaFailure') !== undefined;
    const refused = await cluster.until(`${apps}/refused/deployments/w`, isRefused);
    assert.deepEqual(
      refused.status.conditions.map((c: any) => [c.type, c.reason]),
      [
        ['Progressing', 'NewReplicaSetCreated'],
        ['Available', 'MinimumReplicasUnavailable'],
        ['ReplicaFailure', 'FailedCreate'],
      ],
    );
    const why = 'is forbidden: error looking up service account refused/nope: serviceaccount "nope" not found';
    assert.ok(conditionOf(refused, 'ReplicaFailure').message.endsWith(why));
    const [event = ''] = await cluster.events('refused', 'ReplicaSet');
    assert.match(event, /^FailedCreate Error creating: pods "w-H-" is forbidden/);
  });

  test('a namespace is emptied and goes', async () => {
    await create('doomed', deployment({ replicas: 2 }));
    await complete('doomed');
    await cluster.delete(`${core}/doomed`);
    await cluster.untilGone(`${core}/doomed`);
    for (const path of [`${core}/doomed/pods`, `${apps}/doomed/replicasets`, `${apps}/doomed/deployments`]) {
      assert.deepEqual((await cluster.get(path)).items, [], path);
    }
    assert.deepEqual(cluster.failures, []);
  });
});
