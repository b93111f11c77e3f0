// Requests that are carried out on another object than they send: webhooks and policies are shown what was sent.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { startWebhookServer, type WebhookServer } from '../../environment/webhook-server.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const pods = '/api/v1/namespaces/hooked/pods';
const deployments = '/apis/apps/v1/namespaces/hooked/deployments';
const resources = [
  'bindings',
  'pods',
  'pods/binding',
  'pods/eviction',
  'pods/status',
  'deployments',
  'deployments/scale',
];
const container = { name: 'c', image: 'example.com/c' };
const patchOf = (...operations: object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

describe('requests of another kind than their object', () => {
  let api: TestControlPlane;
  let server: WebhookServer;
  before(async () => {
    api = await startControlPlane();
    server = await startWebhookServer(api);
    await api.namespace('hooked');
    const metadata = { name: 'd' };
    const template = { metadata: { labels: { app: 'd' } }, spec: { containers: [container] } };
    const spec = { replicas: 1, selector: { matchLabels: { app: 'd' } }, template };
    assert.equal((await api.request('POST', deployments, { body: { metadata, spec } })).status, 201);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const sort of ['validating', 'mutating'])
      await api.request('DELETE', `${registration}/${sort}webhookconfigurations`);
    server.asked.length = 0;
    server.reply = () => ({ allowed: true });
  });

  const install = async (sort: 'validating' | 'mutating') => {
    const webhook = {
      name: 'test.example.com',
      clientConfig: server.clientConfig(),
      rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources }],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'hooked' } },
    };
    const body = { metadata: { name: 'test' }, webhooks: [webhook] };
    assert.equal((await api.request('POST', `${registration}/${sort}webhookconfigurations`, { body })).status, 201);
  };
  const createPod = async (name: string) => {
    const body = { metadata: { name }, spec: { containers: [container] } };
    assert.equal((await api.request('POST', pods, { body })).status, 201);
  };
  const told = () =>
    server.asked.map(({ operation, kind, resource, subResource = '', name, object, oldObject }) => [
      `${operation} ${kind.group}/${kind.version} ${kind.kind}`,
      `${resource.resource}/${subResource} ${name}`,
      object?.kind,
      oldObject?.kind,
    ]);

  test('a binding is a CREATE of pods/binding, or of bindings', async () => {
    for (const name of ['bound', 'bound-too']) await createPod(name);
    await install('validating');
    const target = { kind: 'Node', name: 'n' };
    const one = await api.request('POST', `${pods}/bound/binding`, { body: { metadata: { name: 'bound' }, target } });
    assert.equal(one.status, 201, JSON.stringify(one.body));
    const other = { metadata: { name: 'bound-too' }, target };
    assert.equal((await api.request('POST', '/api/v1/namespaces/hooked/bindings', { body: other })).status, 201);
    assert.deepEqual(told(), [
      ['CREATE /v1 Binding', 'pods/binding bound', 'Binding', undefined],
      ['CREATE /v1 Binding', 'bindings/ bound-too', 'Binding', undefined],
    ]);
    assert.deepEqual(server.asked[0].object.target, target);
  });

  test('an eviction is a CREATE of pods/eviction and no DELETE; one that is refused leaves the pod', async () => {
    for (const name of ['stays', 'goes']) await createPod(name);
    await install('validating');
    const evict = (name: string) =>
      api.request('POST', `${pods}/${name}/eviction`, {
        body: { metadata: { name }, deleteOptions: { gracePeriodSeconds: 0 } },
      });
    server.reply = () => ({ allowed: false, status: { message: 'not now' } });
    const refused = await evict('stays');
    assert.equal(refused.status, 400, 'the webhook has said no code');
    assert.match(refused.body.message, /admission webhook "test.example.com" denied the request: not now/);
    assert.equal((await api.request('GET', `${pods}/stays`)).body.status.conditions, undefined);
    server.reply = () => ({ allowed: true });
    assert.equal((await evict('goes')).status, 201);
    assert.equal((await api.request('GET', `${pods}/goes`)).status, 404);
    assert.deepEqual(told(), [
      ['CREATE policy/v1 Eviction', 'pods/eviction stays', 'Eviction', undefined],
      ['CREATE policy/v1 Eviction', 'pods/eviction goes', 'Eviction', undefined],
    ]);
  });

  test('a scale is an UPDATE of deployments/scale, which a webhook may change', async () => {
    await install('mutating');
    server.reply = () => patchOf({ op: 'replace', path: '/spec/replicas', value: 3 });
    const scaled = await api.request('PATCH', `${deployments}/d/scale`, {
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: 5 } },
    });
    assert.deepEqual([scaled.status, scaled.body.spec.replicas], [200, 3]);
    assert.equal((await api.request('GET', `${deployments}/d`)).body.spec.replicas, 3);
    assert.deepEqual(told(), [['UPDATE autoscaling/v1 Scale', 'deployments/scale d', 'Scale', 'Scale']]);
    const [{ object, oldObject }] = server.asked;
    assert.deepEqual([object.spec.replicas, oldObject.spec.replicas], [5, 1]);
  });

  test('policies are shown them too', async () => {
    const rule = { operations: ['UPDATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments/scale'] };
    const spec = {
      matchConstraints: { resourceRules: [rule] },
      validations: [{ expression: 'object.spec.replicas <= 4', message: 'too many' }],
    };
    const policy = `${registration}/validatingadmissionpolic`;
    await api.request('POST', `${policy}ies`, { body: { metadata: { name: 'p' }, spec } });
    const binding = { metadata: { name: 'b' }, spec: { policyName: 'p', validationActions: ['Deny'] } };
    assert.equal((await api.request('POST', `${policy}ybindings`, { body: binding })).status, 201);
    const scale = (replicas: number) =>
      api.request('PATCH', `${deployments}/d/scale`, {
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas } },
      });
    const untilMs = Date.now() + 20_000;
    let refused = await scale(9);
    while (refused.status === 200 && Date.now() < untilMs) refused = await scale(9);
    assert.equal(refused.status, 422, JSON.stringify(refused.body));
    assert.match(refused.body.message, /ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too many/);
    assert.equal((await scale(2)).status, 200);
  });
});
