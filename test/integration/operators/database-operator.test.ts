// A database operator with its custom resources in two versions: its webhook completes, refuses and converts, kubectl
// scales and waits, and the operator makes a StatefulSet of each cluster and is held to by finalizers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needsNewKubectl } from '../../environment/kubectl.ts';
import { type OperatorCluster, startOperatorCluster } from '../../environment/operator-cluster.ts';
import { type OperatorPlan, SmallOperator } from '../../environment/small-operator.ts';

const group = 'database.example.com';
const namespace = 'shop';
const cluster = (name: string, spec: object, version = 'v1') => ({
  apiVersion: `${group}/${version}`,
  kind: 'Cluster',
  metadata: { name, namespace },
  spec,
});

/** What the webhook of the operator does. */
function answer(path: string, { request }: any): object {
  if (path === '/convert') {
    const convertedObjects = request.objects.map((object: any) => convert(object, request.desiredAPIVersion));
    return { result: { status: 'Success' }, convertedObjects };
  }
  const { object } = request;
  if (path === '/default') {
    const patch = object.spec.parameters ? [] : [{ op: 'add', path: '/spec/parameters', value: { timezone: 'UTC' } }];
    return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  }
  const isOdd = object.kind !== 'Cluster' || object.spec.replicas % 2 === 1;
  return isOdd ? { allowed: true } : { allowed: false, status: { message: 'replicas must be odd', code: 422 } };
}

function convert({ spec, status, ...rest }: any, apiVersion: string): object {
  const { replicas, instances, storage, storageSize, storageClass, ...same } = spec;
  const count = replicas ?? instances;
  const isOld = apiVersion.endsWith('v1beta1');
  const className = storage?.storageClass ?? storageClass;
  const next = isOld
    ? { instances: count, storageSize: storage?.size, ...(className ? { storageClass: className } : {}) }
    : { replicas: count, storage: { size: storageSize, ...(className ? { storageClass: className } : {}) } };
  const { replicas: made, instances: oldMade, ...state } = status ?? {};
  const counted = isOld ? { instances: made ?? oldMade } : { replicas: made ?? oldMade };
  return { ...rest, apiVersion, spec: { ...same, ...next }, ...(status ? { status: { ...state, ...counted } } : {}) };
}

const cleaned: string[] = [];

const plan: OperatorPlan = {
  group,
  version: 'v1',
  plural: 'clusters',
  kind: 'Cluster',
  namespace: 'database-operator',
  name: 'database-operator',
  ownedBy({ metadata: { name }, spec }) {
    const labels = { [`${group}/cluster`]: name };
    const container = { name: 'database', image: spec.image, resources: spec.resources ?? {} };
    const of = (apiVersion: string, kind: string, rest: object) => ({
      apiVersion,
      kind,
      metadata: { name, namespace, labels },
      ...rest,
    });
    const template = { metadata: { labels }, spec: { containers: [container] } };
    return [
      of('v1', 'Service', { spec: { clusterIP: 'None', selector: labels, ports: [{ name: 'sql', port: 5432 }] } }),
      of('v1', 'ConfigMap', { data: spec.parameters }),
      of('apps/v1', 'StatefulSet', {
        spec: { serviceName: name, replicas: spec.replicas, selector: { matchLabels: labels }, template },
      }),
    ];
  },
  statusOf({ metadata: { name }, spec }, owned) {
    const { readyReplicas = 0, replicas = 0 } = owned.find(({ kind }) => kind === 'StatefulSet').status ?? {};
    const isReady = readyReplicas === spec.replicas && replicas === spec.replicas;
    const status = isReady ? 'True' : 'False';
    return {
      replicas,
      readyInstances: readyReplicas,
      selector: `${group}/cluster=${name}`,
      currentPrimary: `${name}-0`,
      phase: isReady ? 'Healthy' : 'Waiting',
      conditions: [{ type: 'Ready', status, reason: isReady ? 'Ready' : 'Waiting', message: '' }],
    };
  },
  async cleanUp({ metadata }) {
    cleaned.push(metadata.name);
  },
};

describe('a database operator', { skip: needsNewKubectl }, () => {
  let kube: OperatorCluster;
  let operator: SmallOperator;
  before(async () => {
    kube = await startOperatorCluster('database-operator');
    kube.webhook.reply = (review, path) => answer(path.split('?')[0]!, review);
    assert.equal((await kube.install()).code, 0);
    await kube.redirect('crd', `clusters.${group}`);
    await kube.redirect('mutatingwebhookconfiguration', 'database-operator');
    await kube.redirect('validatingwebhookconfiguration', 'database-operator');
    await kube.cluster.namespace(namespace);
    await kube.get('wait', '--for=condition=Established', `crd/clusters.${group}`, '--timeout=60s');
    operator = new SmallOperator(await kube.configOf('database-operator', 'manager'), plan, 'a');
    await operator.start();
  });
  after(async () => {
    await operator?.[Symbol.asyncDispose]();
    await kube?.[Symbol.asyncDispose]();
  });

  const inShop = (...args: string[]) => ['-n', namespace, ...args];

  test('a cluster is completed, made, waited for and shown', async () => {
    await kube.apply(cluster('orders', { replicas: 3, maxSyncReplicas: 1, storage: { size: '1Gi' } }));
    await kube.get(...inShop('wait', '--for=condition=Ready', `clusters.${group}/orders`, '--timeout=120s'));
    const { spec, metadata, status } = await kube.json(...inShop('get', 'dbc', 'orders'));
    assert.deepEqual(
      [spec.image, spec.parameters, spec.storage, spec.startDelay, spec.minSyncReplicas],
      ['registry.example.com/database:17', { timezone: 'UTC' }, { size: '1Gi', resizeInUseVolumes: true }, 3600, 0],
    );
    assert.deepEqual([metadata.finalizers, metadata.generation, status.replicas], [[`${group}/cleanup`], 1, 3]);
    const [head, row] = (await kube.get(...inShop('get', 'databases'))).split('\n');
    assert.match(head!, /^NAME +INSTANCES +READY +STATUS +PRIMARY +AGE$/);
    assert.match(row!, /^cluster\.database\.example\.com\/orders +3 +3 +Healthy +orders-0 +\d+s$/);
    const events = await kube.until('an Event', async () => {
      const shown = await kube.get(...inShop('events', '--for', `clusters.${group}/orders`));
      return shown === '' ? undefined : shown;
    });
    assert.match(events, /Normal +Created +Cluster\/orders +Applied 3 objects/);
    assert.deepEqual(operator.problems, []);
  });

  test('each applier owns its own; another operator waits for the Lease', async () => {
    const { metadata } = await kube.json(...inShop('get', 'dbc', 'orders', '--show-managed-fields'));
    const owned = metadata.managedFields.map(({ manager, operation, subresource }: any) =>
      [manager, operation, subresource ?? ''].join(' ').trim(),
    );
    assert.deepEqual(owned.sort(), ['database-operator Apply', 'database-operator Apply status', 'kubectl Apply']);
    const other = new SmallOperator(await kube.configOf('database-operator', 'manager'), plan, 'b');
    assert.deepEqual([await operator.lead(), await other.lead()], [true, false]);
    const { spec } = await kube.json('-n', 'database-operator', 'get', 'lease', 'database-operator');
    assert.deepEqual([spec.holderIdentity, spec.leaseTransitions], ['a', 0]);
  });

  test('the webhook and the rules refuse', async () => {
    const refused = async (name: string, spec: object) =>
      (await kube.refusal(['apply', '--server-side', '-f', '-'], cluster(name, spec))).replaceAll('\n', ' ');
    const storage = { size: '1Gi' };
    assert.match(
      await refused('even', { replicas: 2, storage }),
      /admission webhook "validate\.cluster\.database\.example\.com" denied the request: replicas must be odd/,
    );
    assert.match(
      await refused('sync', { replicas: 1, maxSyncReplicas: 1, storage }),
      /spec\.maxSyncReplicas: Invalid value: .*maxSyncReplicas must be less than replicas/,
    );
    assert.match(
      await refused('boot', { storage, bootstrap: { initdb: {}, recovery: { backup: { name: 'b' } } } }),
      /spec\.bootstrap: Invalid value: .*exactly one of initdb and recovery/,
    );
    assert.match(
      await refused('orders', { replicas: 3, maxSyncReplicas: 1, storage: { size: '512Mi' } }),
      /spec\.storage\.size: Forbidden: storage cannot be made smaller/,
    );
    assert.match(await refused('unknown', { storage, color: 'red' }), /\.spec\.color: field not declared in schema/);
    const backup = (method: string) => ({
      apiVersion: `${group}/v1`,
      kind: 'Backup',
      metadata: { name: 'nightly', namespace },
      spec: { cluster: { name: 'orders' }, method },
    });
    await kube.apply(backup('objectStore'));
    assert.match(
      await kube.refusal(['apply', '--server-side', '-f', '-'], backup('volumeSnapshot')),
      /spec: Forbidden: spec is immutable/,
    );
    const selected = inShop('get', 'backups', '--field-selector', 'spec.cluster.name=orders', '-o', 'name');
    assert.equal(await kube.get(...selected), `backup.${group}/nightly\n`);
  });

  test('kubectl scales it in both versions, and the operator follows', async () => {
    await kube.get(...inShop('scale', `clusters.v1.${group}/orders`, '--replicas=5'));
    await kube.get(...inShop('wait', `clusters.${group}/orders`, '--for=jsonpath={.status.readyInstances}=5'));
    const scale = await kube.cluster.get(`/apis/${group}/v1beta1/namespaces/${namespace}/clusters/orders/scale`);
    assert.deepEqual(
      [scale.kind, scale.spec, scale.status],
      ['Scale', { replicas: 5 }, { replicas: 5, selector: `${group}/cluster=orders` }],
    );
    const { stderr } = await kube.run(inShop('scale', `clusters.v1beta1.${group}/orders`, '--replicas=3'));
    assert.match(stderr, /Warning: database\.example\.com\/v1beta1 Cluster is deprecated; use .*v1 Cluster/);
    await kube.get(...inShop('wait', `clusters.${group}/orders`, '--for=jsonpath={.status.readyInstances}=3'));
  });

  test('the older version is converted both ways', async () => {
    const { stderr } = await kube.apply(cluster('stock', { instances: 1, storageSize: '2Gi' }, 'v1beta1'));
    assert.match(stderr, /v1beta1 Cluster is deprecated/);
    await kube.get(...inShop('wait', '--for=condition=Ready', `clusters.${group}/stock`, '--timeout=120s'));
    const [now, before] = await Promise.all(
      ['v1', 'v1beta1'].map((version) => kube.json(...inShop('get', `clusters.${version}.${group}`, 'stock'))),
    );
    assert.deepEqual([now.spec.replicas, now.spec.storage.size, now.status.replicas], [1, '2Gi', 1]);
    assert.deepEqual([before.spec.instances, before.spec.storageSize, before.status.instances], [1, '2Gi', 1]);
    assert.equal(before.metadata.resourceVersion, now.metadata.resourceVersion);
    const table = await kube.get(...inShop('get', `clusters.v1beta1.${group}`));
    assert.match(table, /^stock +1 +1 +Healthy/m);
  });

  test('what it owns goes with it, once the operator has cleaned up', async () => {
    await kube.get(...inShop('delete', 'dbc', 'stock', '--timeout=120s'));
    assert.ok(cleaned.includes('stock'));
    await kube.get(...inShop('wait', '--for=delete', 'statefulset/stock', 'service/stock', 'configmap/stock'));
    await kube.get(...inShop('wait', '--for=delete', 'pod/stock-0', '--timeout=60s'));
  });

  test('its definition goes when its objects have gone, finalizers and all', async () => {
    await kube.get('delete', 'crd', `clusters.${group}`, '--timeout=120s');
    assert.deepEqual(cleaned, ['stock', 'orders']);
    await kube.get(...inShop('wait', '--for=delete', 'statefulset/orders', '--timeout=60s'));
    assert.match(
      await kube.refusal(inShop('get', 'dbc')),
      /doesn't have a resource type "dbc"|could not find the requested resource/,
    );
    assert.deepEqual(kube.cluster.failures, []);
  });
});
