// Disruption budgets over pods of deployments, of custom resources and of nobody; evictions and kubectl drain.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { Kubectl } from '../../environment/kubectl.ts';
import { apps, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const budgets = '/apis/policy/v1/namespaces';
const labels = { app: 'w' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'img' }] } };
const deployment = (replicas: number, more: object = {}) => ({
  metadata: { name: 'w' },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: { ...template, metadata: { labels: { ...labels, ...more } } },
  },
});

/** Runs beside the controllers, which are in this process. */
async function drain(kubectl: Kubectl, ...more: string[]) {
  const child = kubectl.start(['drain', 'fake-node', '--pod-selector=drain=me', ...more]);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
  return { stdout, stderr, code };
}

describe('disruption controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    // Pods that are to be sick do not get ready.
    cluster = await startWorkloadCluster((pod) => (pod.metadata.labels?.sick ? 'unready' : 'ready'));
  });
  after(() => cluster[Symbol.asyncDispose]());

  const budget = (namespace: string, spec: object) =>
    cluster.post(`${budgets}/${namespace}/poddisruptionbudgets`, {
      metadata: { name: 'b' },
      spec: { selector: { matchLabels: labels }, ...spec },
    });
  const pathOf = (namespace: string) => `${budgets}/${namespace}/poddisruptionbudgets/b`;
  const allows = (namespace: string, disruptions: number, healthy: number) =>
    cluster.until(pathOf(namespace), ({ metadata, status }) => {
      const isCurrent = status?.observedGeneration === metadata.generation;
      return isCurrent && status.disruptionsAllowed === disruptions && status.currentHealthy === healthy;
    });
  const evict = (namespace: string, name: string) =>
    cluster.api.request('POST', `${core}/${namespace}/pods/${name}/eviction`, {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } },
    });
  const reasonOf = ({ status }: any) => status?.conditions?.[0]?.reason;

  test('a share of a deployment; evictions take from it, new pods give back', async () => {
    const ns = await cluster.namespace('share');
    await cluster.post(`${apps}/${ns}/deployments`, deployment(4));
    await budget(ns, { maxUnavailable: '25%' });
    const { status } = await allows(ns, 1, 4);
    assert.deepEqual([status.expectedPods, status.desiredHealthy], [4, 3]);
    assert.equal(status.conditions[0].reason, 'SufficientPods');
    const [first, second] = (await cluster.get(`${core}/${ns}/pods`)).items;
    assert.equal((await evict(ns, first.metadata.name)).status, 201);
    await allows(ns, 1, 4);
    await cluster.untilGone(`${core}/${ns}/pods/${first.metadata.name}`);
    // Neither ready nor coming back: from here on the budget is used up.
    await cluster.patch(`${apps}/${ns}/deployments/w`, { spec: { paused: true } });
    await cluster.patch(`${core}/${ns}/pods/${second.metadata.name}`, { metadata: { labels: { sick: 'yes' } } });
    const { items } = await cluster.get(`${core}/${ns}/pods`);
    const sick = items.find((pod: any) => pod.metadata.name === second.metadata.name);
    for (const condition of sick.status.conditions) condition.status = 'False';
    await cluster.api.request('PUT', `${core}/${ns}/pods/${second.metadata.name}/status`, { body: sick });
    const used = await allows(ns, 0, 3);
    assert.equal(reasonOf(used), 'InsufficientPods');
    const other = items.find((pod: any) => pod.metadata.name !== second.metadata.name);
    const refused = await evict(ns, other.metadata.name);
    assert.equal(refused.status, 429);
    assert.match(JSON.stringify(refused.body), /needs 3 healthy pods and has 3 currently/);
    await cluster.patch(`${apps}/${ns}/deployments/w`, { spec: { replicas: 1 } });
    await allows(ns, 1, 1);
  });

  test('a share of a custom resource, by its scale', async () => {
    const ns = await cluster.namespace('custom');
    const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
    const version = { name: 'v1', served: true, storage: true, schema };
    const define = (subresources: object) => ({
      metadata: { name: 'things.example.com' },
      spec: { group: 'example.com', names, scope: 'Namespaced', versions: [{ ...version, subresources }] },
    });
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await cluster.post(definitions, define({}));
    const things = `/apis/example.com/v1/namespaces/${ns}/things`;
    await cluster.until(things, ({ kind }) => kind === 'ThingList');
    const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 't' }, spec: { replicas: 5 } };
    const { uid } = (await cluster.post(things, thing)).metadata;
    const owner = { apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid, controller: true };
    for (const name of ['a', 'b', 'c', 'd']) {
      const metadata = { name, labels, ownerReferences: [owner] };
      await cluster.post(`${core}/${ns}/pods`, { metadata, spec: template.spec });
    }
    await budget(ns, { minAvailable: '60%' });
    const failed = await cluster.until(pathOf(ns), (b) =>
      /does not implement/.test(b.status?.conditions?.[0]?.message),
    );
    assert.equal(failed.status.conditions[0].message, 'things.example.com does not implement the scale subresource');
    assert.deepEqual([reasonOf(failed), failed.status.disruptionsAllowed], ['SyncFailed', 0]);
    await cluster.patch(`${definitions}/things.example.com`, {
      spec: { versions: [{ ...version, subresources: { scale } }] },
    });
    await cluster.until('/apis/example.com/v1', ({ resources }) => resources?.length === 2);
    await cluster.patch(`${core}/${ns}/pods/a`, { metadata: { annotations: { look: 'again' } } });
    const { status } = await allows(ns, 1, 4);
    assert.deepEqual([status.expectedPods, status.desiredHealthy], [5, 3]);
  });

  test('pods of nobody count by number alone', async () => {
    const ns = await cluster.namespace('free');
    await budget(ns, { maxUnavailable: 1 });
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'p', labels }, spec: template.spec });
    await cluster.until(`${core}/${ns}/pods/p`, (pod) => pod.status.phase === 'Running');
    await allows(ns, 0, 1);
    const until = (pattern: RegExp) =>
      cluster.until(`${core}/${ns}/events`, ({ items }) =>
        items.some((e: any) => pattern.test(`${e.reason} ${e.message}`)),
      );
    await until(/^NoPods No matching pods found/);
    await until(/^UnmanagedPods Pods selected by this PodDisruptionBudget \(selector: &LabelSelector\{MatchLabels:/);
    await cluster.patch(pathOf(ns), { spec: { maxUnavailable: null, minAvailable: 0 } });
    await allows(ns, 1, 1);
  });

  test('kubectl drain waits for the budget, and comes to its end', async () => {
    const ns = await cluster.namespace('drained');
    await cluster.post('/api/v1/nodes', { metadata: { name: 'fake-node' } });
    await cluster.post(`${apps}/${ns}/deployments`, deployment(2, { drain: 'me' }));
    await budget(ns, { minAvailable: 2 });
    await allows(ns, 0, 2);
    const before = (await cluster.get(`${core}/${ns}/pods`)).items.map((pod: any) => pod.metadata.name);
    const kubectl = new Kubectl(await cluster.api.kubeconfig());
    const stuck = await drain(kubectl, '--timeout=2s');
    assert.equal(stuck.code, 1, stuck.stdout);
    assert.match(stuck.stderr, /Cannot evict pod as it would violate the pod's disruption budget/);
    await cluster.patch(pathOf(ns), { spec: { minAvailable: 1 } });
    await allows(ns, 1, 2);
    const drained = await drain(kubectl, '--timeout=50s');
    assert.equal(drained.code, 0, drained.stderr);
    assert.match(drained.stdout, /node\/fake-node drained/);
    for (const name of before)
      assert.equal((await cluster.api.request('GET', `${core}/${ns}/pods/${name}`)).status, 404);
    await allows(ns, 1, 2);
    assert.deepEqual(cluster.failures, []);
  });
});
