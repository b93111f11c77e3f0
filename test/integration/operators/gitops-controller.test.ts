// A GitOps controller: definitions that are too large for client-side apply, free-form values, embedded objects, numbers
// or texts, roles that are sums of others, and what an application owns.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needsNewKubectl } from '../../environment/kubectl.ts';
import { type OperatorCluster, startOperatorCluster } from '../../environment/operator-cluster.ts';

const group = 'gitops.example.com';
const namespace = 'team';
const object = (kind: string, version: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: `${group}/${version}`,
  kind,
  metadata: { name, namespace, ...metadata },
  spec,
});
const account = ['--as', 'system:serviceaccount:gitops:controller'];

describe('a GitOps controller', { skip: needsNewKubectl }, () => {
  let kube: OperatorCluster;
  const inTeam = (...args: string[]) => ['-n', namespace, ...args];
  before(async () => {
    kube = await startOperatorCluster('gitops-controller');
    assert.equal((await kube.install()).code, 0);
    await kube.cluster.namespace(namespace);
    const names = ['applications', 'applicationsets', 'appprojects', 'kustomizations'].map(
      (one) => `crd/${one}.${group}`,
    );
    await kube.get('wait', '--for=condition=Established', ...names, '--timeout=60s');
  });
  after(() => kube?.[Symbol.asyncDispose]());

  test('its largest definition cannot be applied by the client', async () => {
    const definition = await kube.json('get', 'crd', `applicationsets.${group}`);
    assert.ok(JSON.stringify(definition.spec).length > 256 * 1024);
    const { spec } = definition;
    const metadata = { name: `applicationsets.${group}` };
    const text = JSON.stringify({ apiVersion: definition.apiVersion, kind: definition.kind, metadata, spec });
    const { code, stderr } = await kube.run(['apply', '-f', '-'], text);
    assert.equal(code, 1);
    assert.match(stderr, /metadata\.annotations: Too long: may not be more than 262144 bytes/);
  });

  test('free-form values stay as they are, unknown fields beside them are told', async () => {
    const valuesObject = { replicas: 2, tags: ['a', { b: null }], nested: { '1': true } };
    const source = { repoURL: 'https://example.com/repo', path: 'app', helm: { valuesObject } };
    const spec = { source, destination: { namespace }, syncPolicy: { retry: { backoff: {} } } };
    await kube.apply(object('Application', 'v1alpha1', 'site', spec));
    const stored = await kube.json(...inTeam('get', 'app', 'site'));
    assert.deepEqual(stored.spec.source.helm.valuesObject, valuesObject);
    assert.deepEqual(stored.spec.syncPolicy.retry, {
      limit: 5,
      backoff: { duration: '5s', factor: 2, maxDuration: '3m' },
    });
    assert.equal(stored.spec.project, 'default');
    const odd = object('Application', 'v1alpha1', 'odd', { ...spec, valuesObject });
    const refusal = await kube.refusal(['create', '-f', '-', '--validate=strict'], odd);
    assert.match(refusal, /strict decoding error: unknown field "spec\.valuesObject"/);
    const both = object('Application', 'v1alpha1', 'odd', { ...spec, sources: [source] });
    assert.match(await kube.refusal(['create', '-f', '-'], both), /source and sources exclude each other/);
    // It has no status subresource: everybody who may write it may write that.
    const status = { sync: { status: 'Synced', revision: 'abc' }, health: { status: 'Healthy' } };
    await kube.get(...inTeam('patch', 'app', 'site', '--type=merge', '-p', JSON.stringify({ status }), ...account));
    const columns = /^NAME +SYNC STATUS +HEALTH STATUS +REVISION +PROJECT\nsite +Synced +Healthy +abc +default\n$/;
    assert.match(await kube.get(...inTeam('get', 'apps', '-o', 'wide')), columns);
    await kube.get(...inTeam('wait', 'app/site', '--for=jsonpath={.status.health.status}=Healthy'));
  });

  const kustomization = (rest: object) => ({
    interval: '10m',
    prune: true,
    sourceRef: { kind: 'GitRepository', name: 'repo' },
    ...rest,
  });

  test('embedded objects and numbers or texts', async () => {
    const extra = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'extra', labels: { a: 'b' } },
      data: { k: 'v' },
    };
    const applied = kustomization({ extraObjects: [extra], maxUnavailable: 1 });
    await kube.apply(object('Kustomization', 'v1', 'apps', applied));
    const { spec } = await kube.json(...inTeam('get', 'ks', 'apps'));
    assert.deepEqual([spec.extraObjects, spec.maxUnavailable], [[extra], 1]);
    await kube.apply(object('Kustomization', 'v1', 'more', kustomization({})));
    assert.equal((await kube.json(...inTeam('get', 'ks', 'more'))).spec.maxUnavailable, '25%');
    const bad: [rest: object, says: RegExp][] = [
      [{ maxUnavailable: 'many' }, /spec\.maxUnavailable: Invalid value: .*a number or a percentage/],
      [{ extraObjects: [{ kind: 'ConfigMap', metadata: {} }] }, /spec\.extraObjects\[0\]\.apiVersion: Required value/],
      [{ interval: 'often' }, /spec\.interval: Invalid value: "often": spec\.interval in body should match/],
    ];
    for (const [rest, says] of bad) {
      const body = object('Kustomization', 'v1', 'bad', kustomization(rest));
      assert.match(await kube.refusal(['apply', '--server-side', '-f', '-'], body), says);
    }
  });

  test('its role is the sum of others, which the control plane applies', async () => {
    const can = (verb: string, what: string) => kube.run(['auth', 'can-i', verb, what, '-n', namespace, ...account]);
    await kube.until('the roles are summed up', async () => (await can('create', 'secrets')).code === 0 || undefined);
    assert.equal((await can('create', 'networkpolicies.networking.k8s.io')).code, 0);
    assert.equal((await can('create', 'pods')).code, 1);
    const more = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'gitops-pods', labels: { 'gitops.example.com/aggregate-to-controller': 'true' } },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }],
    };
    await kube.apply(more);
    await kube.until('it may more', async () => (await can('create', 'pods')).code === 0 || undefined);
    const { metadata } = await kube.json('get', 'clusterrole', 'gitops-controller', '--show-managed-fields');
    const sorted = metadata.managedFields.sort((a: any, b: any) => (a.manager < b.manager ? -1 : 1));
    assert.deepEqual(
      sorted.map(({ manager, operation, fieldsV1 }: any) => [manager, operation, 'f:rules' in fieldsV1]),
      [
        ['clusterrole-aggregation-controller', 'Apply', true],
        ['kubectl', 'Apply', false],
      ],
    );
  });

  test('what an application owns goes with it; a finalizer holds both in the foreground', async () => {
    const { metadata } = await kube.json(...inTeam('get', 'app', 'site'));
    const owner = { apiVersion: `${group}/v1alpha1`, kind: 'Application', name: 'site', uid: metadata.uid };
    const owned = { name: 'settings', namespace, ownerReferences: [{ ...owner, blockOwnerDeletion: true }] };
    await kube.apply(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...owned, finalizers: [`${group}/hold`] } },
      ...account,
    );
    await kube.get(...inTeam('delete', 'app', 'site', '--cascade=foreground', '--wait=false'));
    await kube.until('the owned object is to go', async () => {
      const { metadata: held } = await kube.json(...inTeam('get', 'configmap', 'settings'));
      return held.deletionTimestamp;
    });
    const { metadata: waiting } = await kube.json(...inTeam('get', 'app', 'site'));
    assert.deepEqual(waiting.finalizers, ['foregroundDeletion']);
    const free = JSON.stringify({ metadata: { finalizers: null } });
    await kube.get(...inTeam('patch', 'configmap', 'settings', '--type=merge', '-p', free));
    await kube.get(...inTeam('wait', '--for=delete', 'app/site', 'configmap/settings', '--timeout=60s'));
  });

  test('a namespace that goes takes them along', async () => {
    await kube.get('delete', 'namespace', namespace, '--timeout=120s');
    assert.equal((await kube.json('get', 'ks', '-A')).items.length, 0);
    assert.deepEqual(kube.cluster.failures, []);
  });
});
