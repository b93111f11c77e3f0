// What sig-api-machinery requires of the lives of objects: who is collected with an owner, what goes with a namespace,
// what a quota counts, and long lists whose moment is forgotten.
import assert from 'node:assert/strict';
import { ApiWatch } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { forgetHistory, makeTemplates, readPages, total } from './long-lists.ts';
import { gone, merge, selecting, update } from './objects.ts';
import { counts, makeQuota, quotaPod, untilUsed } from './quotas.ts';

const image = 'busybox:1.36';
const command = ['sleep', '3600'];
const pause = { terminationGracePeriodSeconds: 0, containers: [{ name: 'nginx', image, command }] };
const template = (labels: object) => ({ metadata: { labels }, spec: pause });
const replicas = 10;

const controllers = (space: Space) => space.path('/api/v1', 'replicationcontrollers');
const deployments = (space: Space) => space.path('/apis/apps/v1', 'deployments');
const replicaSets = (space: Space) => space.path('/apis/apps/v1', 'replicasets');
const pods = (space: Space) => space.path('/api/v1', 'pods');

/** A replication controller whose pods have been made. */
async function makeController(space: Space, name: string, count: number): Promise<any> {
  const labels = { 'gctest-of': name };
  const spec = { replicas: count, selector: labels, template: template(labels) };
  const made = await space.ask('POST', controllers(space), { body: { metadata: { name }, spec } });
  await space.until('its pods are made', `${controllers(space)}/${name}`, ({ status }) => status.replicas === count);
  return made;
}

const podsOf = async (space: Space, name: string): Promise<any[]> =>
  (await space.get(`${pods(space)}?${selecting({ 'gctest-of': name })}`)).items;

const remove = (space: Space, path: string, { metadata }: any, propagationPolicy: string) =>
  space.ask('DELETE', path, { body: { propagationPolicy, preconditions: { uid: metadata.uid } } });

/** A deployment of two whose ReplicaSet is there: both. */
async function makeDeployment(space: Space): Promise<{ deployment: any; replicaSet: any }> {
  const labels = { app: 'gc' };
  const spec = { replicas: 2, selector: { matchLabels: labels }, template: template(labels) };
  const metadata = { name: 'simpletest.deployment' };
  const deployment = await space.ask('POST', deployments(space), { body: { metadata, spec } });
  const { items } = await space.until('it has a ReplicaSet', replicaSets(space), ({ items }) => items.length === 1);
  return { deployment, replicaSet: items[0] };
}

/** A namespace beside the one of the test. */
async function makeNamespace(space: Space, suffix: string): Promise<string> {
  const name = `${space.namespace}-${suffix}`;
  await space.ask('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  return name;
}

/** Deletes it, waits until it has gone, and makes it again. */
async function remakeNamespace(space: Space, name: string): Promise<void> {
  const path = `/api/v1/namespaces/${name}`;
  const { status } = await space.ask('DELETE', path);
  assert.equal(status.phase, 'Terminating');
  await gone(space, path);
  await space.ask('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
}

const waitForAccount = (space: Space, namespace: string) =>
  space.until('its account is there', `/api/v1/namespaces/${namespace}/serviceaccounts`, ({ items }) =>
    items.some(({ metadata }: any) => metadata.name === 'default'),
  );

requirements({ name: 'conf-lives', sig: 'sig-api-machinery', images: ['busybox'] }, (requirement) => {
  requirement('Garbage collector should delete RS created by deployment when not orphaning', async (space) => {
    const { deployment } = await makeDeployment(space);
    await remove(space, `${deployments(space)}/simpletest.deployment`, deployment, 'Background');
    for (const kind of [deployments, replicaSets, pods]) {
      await space.until('it is collected', kind(space), ({ items }) => items.length === 0);
    }
  });

  requirement(
    'Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan',
    async (space) => {
      const { deployment, replicaSet } = await makeDeployment(space);
      const path = `${replicaSets(space)}/${replicaSet.metadata.name}`;
      await space.until('its pods are made', path, ({ status }) => status.replicas === 2);
      await remove(space, `${deployments(space)}/simpletest.deployment`, deployment, 'Orphan');
      await gone(space, `${deployments(space)}/simpletest.deployment`);
      // An owner goes after its dependents were let go: from then on nobody looks for them.
      const orphan = await space.get(path);
      assert.deepEqual([orphan.metadata.ownerReferences, orphan.metadata.deletionTimestamp], [undefined, undefined]);
      await collectsOthers(space);
      const { items } = await space.get(`${pods(space)}?${selecting({ app: 'gc' })}`);
      assert.deepEqual(
        items.map(({ metadata }: any) => [metadata.ownerReferences[0].uid, metadata.deletionTimestamp]),
        [1, 2].map(() => [replicaSet.metadata.uid, undefined]),
      );
      assert.equal((await space.get(path)).metadata.uid, replicaSet.metadata.uid);
    },
  );

  requirement('Garbage collector should orphan pods created by rc if delete options say so [Serial]', async (space) => {
    const made = await makeController(space, 'simpletest.rc', replicas);
    await remove(space, `${controllers(space)}/simpletest.rc`, made, 'Orphan');
    await gone(space, `${controllers(space)}/simpletest.rc`);
    await collectsOthers(space);
    const orphans = await podsOf(space, 'simpletest.rc');
    assert.equal(orphans.length, replicas);
    for (const { metadata } of orphans) {
      assert.deepEqual([metadata.ownerReferences, metadata.deletionTimestamp], [undefined, undefined]);
    }
  });

  requirement(
    'Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial]',
    async (space) => {
      const made = await makeController(space, 'simpletest.rc', replicas);
      const path = `${controllers(space)}/simpletest.rc`;
      const since = (await space.get(pods(space))).metadata.resourceVersion;
      using owner = await ApiWatch.open(space, `${controllers(space)}?resourceVersion=${since}`);
      using dependents = await ApiWatch.open(space, `${pods(space)}?resourceVersion=${since}`);
      const waiting = await remove(space, path, made, 'Foreground');
      assert.deepEqual(waiting.metadata.finalizers, ['foregroundDeletion']);
      assert.ok(waiting.metadata.deletionTimestamp);
      await gone(space, path);
      assert.deepEqual(await podsOf(space, 'simpletest.rc'), []);
      const { object } = await owner.until('it is gone', ({ type }) => type === 'DELETED');
      const ended = () => dependents.told.filter(({ type }) => type === 'DELETED');
      await dependents.until('all pods are gone', () => ended().length === replicas);
      for (const pod of ended()) {
        assert.ok(BigInt(pod.object.metadata.resourceVersion) < BigInt(object.metadata.resourceVersion));
      }
    },
  );

  requirement(
    "Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial]",
    async (space) => {
      const going = await makeController(space, 'simpletest-rc-to-be-deleted', replicas);
      const { metadata } = await makeController(space, 'simpletest-rc-to-stay', 0);
      const owner = { apiVersion: 'v1', kind: 'ReplicationController', name: metadata.name, uid: metadata.uid };
      const shared = (await podsOf(space, 'simpletest-rc-to-be-deleted')).slice(0, replicas / 2);
      for (const pod of shared) {
        const body = { metadata: { ownerReferences: [owner] } };
        const patched = await space.ask('PATCH', `${pods(space)}/${pod.metadata.name}`, { body });
        assert.equal(patched.metadata.ownerReferences.length, 2);
      }
      const path = `${controllers(space)}/simpletest-rc-to-be-deleted`;
      await remove(space, path, going, 'Foreground');
      await gone(space, path);
      const left = await podsOf(space, 'simpletest-rc-to-be-deleted');
      const names = (all: any[]) => all.map((one) => one.metadata.name).toSorted();
      assert.deepEqual(names(left), names(shared));
      for (const pod of left) {
        assert.equal(pod.metadata.deletionTimestamp, undefined);
        assert.deepEqual(
          pod.metadata.ownerReferences.map(({ uid }: any) => uid),
          [metadata.uid],
        );
      }
    },
  );

  requirement('Garbage collector should not be blocked by dependency circle', async (space) => {
    const names = ['pod1', 'pod2', 'pod3'];
    const made: any[] = [];
    for (const name of names) {
      made.push(await space.ask('POST', pods(space), { body: { metadata: { name }, spec: pause } }));
    }
    for (const [index, { metadata }] of made.entries()) {
      const { name, uid } = made[(index + 2) % 3].metadata;
      const owner = { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
      const body = { metadata: { ownerReferences: [owner] } };
      const patched = await space.ask('PATCH', `${pods(space)}/${metadata.name}`, { body });
      assert.equal(patched.metadata.ownerReferences.length, 1);
    }
    await remove(space, `${pods(space)}/pod1`, made[0], 'Foreground');
    await space.until('all are gone', pods(space), ({ items }) => items.length === 0);
  });

  requirement('Namespaces [Serial] should apply a finalizer to a Namespace', async (space) => {
    const path = `/api/v1/namespaces/${await makeNamespace(space, 'finalized')}`;
    const fake = 'e2e.example.com/fakeFinalizer';
    const finalize = (change: (finalizers: string[]) => string[]) =>
      update(space, path, (one) => Object.assign(one.spec, { finalizers: change(one.spec.finalizers) }), '/finalize');
    const added = await finalize((all) => [...all, fake]);
    assert.deepEqual(added.spec.finalizers, ['kubernetes', fake]);
    assert.deepEqual((await space.get(path)).spec.finalizers, ['kubernetes', fake]);
    const removed = await finalize((all) => all.filter((one) => one !== fake));
    assert.deepEqual(removed.spec.finalizers, ['kubernetes']);
    await space.ask('DELETE', path);
    await gone(space, path);
  });

  requirement('Namespaces [Serial] should apply an update to a Namespace', async (space) => {
    const path = `/api/v1/namespaces/${space.namespace}`;
    const updated = await update(space, path, ({ metadata }) => {
      metadata.labels[space.namespace] = 'updated';
    });
    assert.equal(updated.metadata.labels[space.namespace], 'updated');
    assert.equal(updated.metadata.labels['kubernetes.io/metadata.name'], space.namespace);
    assert.equal((await space.get(path)).metadata.labels[space.namespace], 'updated');
  });

  requirement('Namespaces [Serial] should apply changes to a namespace status', async (space) => {
    const path = `/api/v1/namespaces/${space.namespace}`;
    assert.equal((await space.get(`${path}/status`)).status.phase, 'Active');
    const lastTransitionTime = new Date(0).toISOString().replace('.000', '');
    const of = (type: string, message: string) => ({
      type,
      status: 'True',
      reason: 'E2E',
      message,
      lastTransitionTime,
    });
    const first = of('StatusPatched', 'Patched by an e2e test');
    const annotations = { 'e2e-patched-ns-status': space.namespace };
    const body = { metadata: { annotations }, status: { conditions: [first] } };
    const patched = await space.ask('PATCH', `${path}/status`, { body, contentType: merge });
    assert.deepEqual(
      [patched.status, patched.metadata.annotations],
      [{ phase: 'Active', conditions: [first] }, annotations],
    );
    const second = of('StatusUpdate', 'Updated by an e2e test');
    const updated = await update(space, path, ({ status }) => void status.conditions.push(second), '/status');
    assert.deepEqual(updated.status.conditions, [first, second]);
    assert.deepEqual((await space.get(path)).status, { phase: 'Active', conditions: [first, second] });
  });

  requirement(
    'Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted',
    async (space) => {
      const name = await makeNamespace(space, 'nsdeletetest');
      await waitForAccount(space, name);
      const path = `/api/v1/namespaces/${name}/pods`;
      await space.ask('POST', path, { body: { metadata: { name: 'test-pod' }, spec: pause } });
      await space.until('it runs', `${path}/test-pod`, ({ status }) => status.phase === 'Running');
      await remakeNamespace(space, name);
      assert.equal((await space.request('GET', `${path}/test-pod`)).code, 404);
      await space.ask('DELETE', `/api/v1/namespaces/${name}`);
    },
  );

  requirement(
    'Namespaces [Serial] should ensure that all services are removed when a namespace is deleted',
    async (space) => {
      const name = await makeNamespace(space, 'nsdeletetest');
      await waitForAccount(space, name);
      const path = `/api/v1/namespaces/${name}/services`;
      const spec = { selector: { foo: 'bar', baz: 'blah' }, ports: [{ port: 80, targetPort: 80 }] };
      await space.ask('POST', path, { body: { metadata: { name: 'test-service' }, spec } });
      await remakeNamespace(space, name);
      assert.equal((await space.request('GET', `${path}/test-service`)).code, 404);
      await space.ask('DELETE', `/api/v1/namespaces/${name}`);
    },
  );

  requirement('OrderedNamespaceDeletion namespace deletion should delete pod first', async (space) => {
    const name = await makeNamespace(space, 'nsdeletetest');
    await waitForAccount(space, name);
    const namespace = `/api/v1/namespaces/${name}`;
    const pod = `${namespace}/pods/test-pod`;
    const map = `${namespace}/configmaps/test-configmap`;
    const finalizers = ['e2e.example.com/finalizer'];
    const metadata = (of: string) => ({ name: of, finalizers });
    await space.ask('POST', `${namespace}/pods`, { body: { metadata: metadata('test-pod'), spec: pause } });
    await space.until('it runs', pod, ({ status }) => status.phase === 'Running');
    await space.ask('POST', `${namespace}/configmaps`, { body: { metadata: metadata('test-configmap') } });
    await space.ask('DELETE', namespace);
    await space.until('the pod is deleted', pod, (one) => one.metadata.deletionTimestamp);
    // The controller has gone through the namespace, and says so, before anything else is deleted.
    await space.until('it has been looked through', namespace, ({ status }) =>
      status.conditions?.some(({ type }: any) => type === 'NamespaceDeletionContentFailure'),
    );
    assert.equal((await space.get(map)).metadata.deletionTimestamp, undefined);
    const drop = [{ op: 'remove', path: '/metadata/finalizers' }];
    const contentType = 'application/json-patch+json';
    await space.ask('PATCH', pod, { body: drop, contentType });
    await space.until('the rest is deleted', map, (one) => one.metadata.deletionTimestamp);
    assert.equal((await space.request('GET', pod)).code, 404);
    await space.ask('PATCH', map, { body: drop, contentType });
    await gone(space, namespace);
  });

  requirement(
    'ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.',
    async (space) => {
      const hard = await makeQuota(space);
      const { status } = await untilUsed(space, 'test-quota', { resourcequotas: '1' });
      assert.deepEqual(status.hard, hard);
      assert.deepEqual(Object.keys(status.used).toSorted(), Object.keys(hard).toSorted());
    },
  );

  requirement('ResourceQuota should create a ResourceQuota and capture the life of a secret.', async (space) => {
    const secrets = space.path('/api/v1', 'secrets');
    const found = (await space.get(secrets)).items.length;
    await makeQuota(space, { secrets: String(found + 1) });
    await untilUsed(space, 'test-quota', { resourcequotas: '1', secrets: String(found) });
    const body = { metadata: { name: 'test-secret' }, data: { 'data-1': Buffer.from('value-1').toString('base64') } };
    await space.ask('POST', secrets, { body });
    await untilUsed(space, 'test-quota', { secrets: String(found + 1) });
    const more = await space.request('POST', secrets, { body: { ...body, metadata: { name: 'too-many' } } });
    assert.deepEqual([more.code, more.body.reason], [403, 'Forbidden']);
    assert.match(more.body.message, /exceeded quota: test-quota, requested: secrets=1, used: secrets=1, limited: /);
    await space.ask('DELETE', `${secrets}/test-secret`);
    await untilUsed(space, 'test-quota', { secrets: String(found) });
  });

  requirement(
    'ResourceQuota should create a ResourceQuota and capture the life of a replication controller.',
    async (space) => {
      await makeQuota(space);
      await untilUsed(space, 'test-quota', { resourcequotas: '1', replicationcontrollers: '0' });
      await makeController(space, 'test-rc', 0);
      await untilUsed(space, 'test-quota', { replicationcontrollers: '1' });
      await space.ask('DELETE', `${controllers(space)}/test-rc`, { body: { propagationPolicy: 'Background' } });
      await untilUsed(space, 'test-quota', { replicationcontrollers: '0' });
    },
  );

  requirement('ResourceQuota should create a ResourceQuota and capture the life of a pod.', async (space) => {
    const dongle = 'example.com/dongle';
    await makeQuota(space);
    await untilUsed(space, 'test-quota', { resourcequotas: '1' });
    const make = (name: string, requests: object, limits: object = {}) =>
      space.request('POST', pods(space), { body: quotaPod(name, { requests, limits }) });
    const requests = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', [dongle]: '2' };
    const made = await make('test-pod', requests, { [dongle]: '2' });
    assert.equal(made.code, 201, JSON.stringify(made.body));
    const { [dongle]: _, ...plain } = requests;
    const used = { resourcequotas: '1', pods: '1', ...plain, [`requests.${dongle}`]: '2' };
    await untilUsed(space, 'test-quota', used);
    const cpu = await make('fail-pod', { cpu: '600m', memory: '100Mi' });
    assert.equal(cpu.code, 403);
    assert.match(cpu.body.message, /exceeded quota: test-quota, requested: cpu=600m, used: cpu=500m, limited: cpu=1/);
    const extended = await make(
      'fail-pod-for-extended-resource',
      { ...requests, memory: '100Mi', cpu: '500m' },
      { [dongle]: '2' },
    );
    assert.equal(extended.code, 403);
    assert.match(extended.body.message, /requests\.example\.com\/dongle=2/);
    const changed = await space.get(`${pods(space)}/test-pod`);
    changed.spec.containers[0].resources.requests = { cpu: '100m', memory: '100Mi', 'ephemeral-storage': '10Gi' };
    const updated = await space.request('PUT', `${pods(space)}/test-pod`, { body: changed });
    assert.deepEqual([updated.code, updated.body.reason], [422, 'Invalid']);
    await untilUsed(space, 'test-quota', used);
    await space.ask('DELETE', `${pods(space)}/test-pod`, { body: { gracePeriodSeconds: 0 } });
    const none = { cpu: '0', memory: '0', 'ephemeral-storage': '0', [`requests.${dongle}`]: '0' };
    await untilUsed(space, 'test-quota', { resourcequotas: '1', pods: '0', ...none });
  });

  requirement('ResourceQuota should manage the lifecycle of a ResourceQuota', async (space) => {
    const quotas = space.path('/api/v1', 'resourcequotas');
    const label = `e2e-quota-${space.namespace}`;
    const body = {
      metadata: { name: label, labels: { [label]: 'made' } },
      spec: { hard: { cpu: '1', memory: '500Mi' } },
    };
    const made = await space.ask('POST', quotas, { body });
    assert.deepEqual((await space.get(`${quotas}/${label}`)).spec, made.spec);
    const everywhere = (value: string) => `/api/v1/resourcequotas?${selecting({ [label]: value })}`;
    assert.equal((await space.get(everywhere('made'))).items.length, 1);
    const change = { metadata: { labels: { [label]: 'patched' } }, spec: { hard: { memory: '750Mi' } } };
    const patched = await space.ask('PATCH', `${quotas}/${label}`, { body: change });
    assert.deepEqual([patched.metadata.labels[label], patched.spec.hard], ['patched', { cpu: '1', memory: '750Mi' }]);
    await space.ask('DELETE', `${quotas}?${selecting({ [label]: 'patched' })}`);
    await space.until('it is gone', everywhere('patched'), ({ items }) => items.length === 0);
  });

  requirement('ResourceQuota should verify ResourceQuota with terminating scopes.', async (space) => {
    const quotas = { 'quota-terminating': 'Terminating', 'quota-not-terminating': 'NotTerminating' };
    const hard = {
      pods: '5',
      'requests.cpu': '1',
      'requests.memory': '500Mi',
      'limits.cpu': '2',
      'limits.memory': '1Gi',
    };
    const none = { pods: '0', 'requests.cpu': '0', 'requests.memory': '0', 'limits.cpu': '0', 'limits.memory': '0' };
    for (const [name, scope] of Object.entries(quotas)) {
      await makeQuota(space, hard, { name, scopes: [scope] });
      await untilUsed(space, name, none);
    }
    const resources = { requests: { cpu: '500m', memory: '200Mi' }, limits: { cpu: '1', memory: '400Mi' } };
    const used = counts('1', resources);
    for (const [name, counting, other, more] of [
      ['test-pod', 'quota-not-terminating', 'quota-terminating', {}],
      ['terminating-pod', 'quota-terminating', 'quota-not-terminating', { activeDeadlineSeconds: 3600 }],
    ] as const) {
      await space.ask('POST', pods(space), { body: quotaPod(name, resources, more) });
      await untilUsed(space, counting, used);
      await untilUsed(space, other, none);
      await space.ask('DELETE', `${pods(space)}/${name}`, { body: { gracePeriodSeconds: 0 } });
      await untilUsed(space, counting, none);
    }
  });

  requirement(
    'Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow]',
    async (space) => {
      const collection = await makeTemplates(space);
      const limit = total / 10;
      const first = await space.get(`${collection}?limit=${limit}`);
      assert.equal(first.metadata.remainingItemCount, total - limit);
      const second = `${collection}?limit=${limit}&continue=${encodeURIComponent(first.metadata.continue)}`;
      await space.get(second);
      await forgetHistory(space);
      const { code, body } = await space.request('GET', second);
      assert.deepEqual([code, body.reason], [410, 'Expired']);
      assert.ok(body.metadata.continue);
      const seen = await readPages(space, collection, { limit: () => limit, from: body.metadata.continue, at: limit });
      assert.notEqual(seen.resourceVersion, first.metadata.resourceVersion);
    },
  );
});

/** A dependent of nobody is collected: what the collector had to do before is done, too. */
async function collectsOthers(space: Space): Promise<void> {
  const maps = space.path('/api/v1', 'configmaps');
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'nobody' };
  await space.ask('POST', maps, { body: { metadata: { name: 'last', ownerReferences: [owner] } } });
  await gone(space, `${maps}/last`);
}
