// What classes bring to the objects that name them, or that name none: RuntimeClass, IngressClass; and who may have
// devices that are in use.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { mergeTolerations } from './runtime-class.ts';

const pods = '/api/v1/namespaces/default/pods';
const runtimeClasses = '/apis/node.k8s.io/v1/runtimeclasses';
const ingresses = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';
const ingressClasses = '/apis/networking.k8s.io/v1/ingressclasses';
const claims = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims';

/** The code and message of a refusal. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const err = await work.then(
    () => assert.fail('it was let through'),
    (e: StatusError) => e,
  );
  return `${err.code} ${err.message}`;
}

describe('runtime classes', () => {
  const makePod = (api: MemoryApi, spec: object) =>
    api.send('POST', pods, {
      body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'img' }], ...spec } },
    });
  const startWithClass = async (more: object) => {
    const api = await startMemoryApi();
    await api.send('POST', runtimeClasses, { body: { metadata: { name: 'kata' }, handler: 'kata', ...more } });
    return api;
  };
  const overhead = { podFixed: { cpu: '250m', memory: '64Mi' } };
  const runtimeClassName = 'kata';

  test('a class that is not there, an overhead without a class', async () => {
    const api = await startMemoryApi();
    const head = '403 pods "p" is forbidden: pod rejected:';
    const cases: [spec: object, why: string][] = [
      [{ runtimeClassName: 'gvisor' }, 'RuntimeClass "gvisor" not found'],
      [{ overhead: { cpu: '1' } }, 'Pod Overhead set without corresponding RuntimeClass defined Overhead'],
    ];
    for (const [spec, why] of cases) assert.equal(await refusal(makePod(api, spec)), `${head} ${why}`);
  });

  test('the overhead of the class is the overhead of the pod', async () => {
    const api = await startWithClass({ overhead });
    const differs =
      "403 pods \"p\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
    assert.equal(await refusal(makePod(api, { runtimeClassName, overhead: { cpu: '1' } })), differs);
    const given = { cpu: '0.25', memory: '64Mi' };
    assert.deepEqual((await makePod(api, { runtimeClassName, overhead: given })).spec.overhead, overhead.podFixed);
    await api.send('DELETE', `${pods}/p?gracePeriodSeconds=0`);
    assert.deepEqual((await makePod(api, { runtimeClassName })).spec.overhead, overhead.podFixed);
  });

  test('the pod goes where the class is', async () => {
    const taint = { key: 'kata', operator: 'Exists', effect: 'NoSchedule' };
    const api = await startWithClass({ scheduling: { nodeSelector: { runtime: 'kata' }, tolerations: [taint] } });
    const conflict =
      '403 pods "p" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[runtime] = kata; pod.spec.nodeSelector[runtime] = runc';
    assert.equal(await refusal(makePod(api, { runtimeClassName, nodeSelector: { runtime: 'runc' } })), conflict);
    const { spec } = await makePod(api, { runtimeClassName, nodeSelector: { disk: 'ssd' } });
    assert.deepEqual(spec.nodeSelector, { disk: 'ssd', runtime: 'kata' });
    assert.ok(spec.tolerations.some((t: any) => t.key === 'kata'));
  });

  test('tolerations that others include are left out', () => {
    const all = { operator: 'Exists' } as const;
    const a = { key: 'a', operator: 'Equal', value: '1', effect: 'NoSchedule' } as const;
    const b = { key: 'b', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 } as const;
    const table: [any[], any[]][] = [
      [[a, a], [a]],
      [[a, all], [all]],
      [[all, a], [all]],
      [[a, { key: 'a', operator: 'Exists' }], [{ key: 'a', operator: 'Exists' }]],
      [
        [a, { ...a, value: '2' }],
        [a, { ...a, value: '2' }],
      ],
      [[b, { ...b, tolerationSeconds: 9 }], [{ ...b, tolerationSeconds: 9 }]],
      [[{ key: 'b', operator: 'Exists' }, b], [{ key: 'b', operator: 'Exists' }]],
    ];
    for (const [given, want] of table) assert.deepEqual(mergeTolerations(given), want);
  });
});

describe('the default ingress class', () => {
  const spec = { defaultBackend: { service: { name: 'web', port: { number: 80 } } } };
  const make = (api: MemoryApi, name: string, more: object = {}, annotations?: object) =>
    api.send('POST', ingresses, { body: { metadata: { name, annotations }, spec: { ...spec, ...more } } });
  const makeClass = (api: MemoryApi, name: string, isDefault: string) => {
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': isDefault };
    return api.send('POST', ingressClasses, {
      body: { metadata: { name, annotations }, spec: { controller: 'example.com/c' } },
    });
  };

  test('is given to an ingress that names none', async () => {
    const api = await startMemoryApi();
    assert.equal((await make(api, 'early')).spec.ingressClassName, undefined);
    await makeClass(api, 'a', 'true');
    await makeClass(api, 'b', 'false');
    await api.context.store.cache.waitConsistent();
    assert.equal((await make(api, 'none')).spec.ingressClassName, 'a');
    assert.equal((await make(api, 'own', { ingressClassName: 'b' })).spec.ingressClassName, 'b');
    const old = await make(api, 'old', {}, { 'kubernetes.io/ingress.class': 'nginx' });
    assert.equal(old.spec.ingressClassName, undefined);
  });

  test('is the youngest of several, of one age the first by name', async () => {
    const api = await startMemoryApi();
    for (const name of ['a', 'b']) await makeClass(api, name, 'true');
    await api.context.store.cache.waitConsistent();
    assert.equal((await make(api, 'i')).spec.ingressClassName, 'a');
  });
});

test('devices in use are for namespaces that an administrator has marked', async () => {
  const api = await startMemoryApi();
  const requests = [{ name: 'a', exactly: { deviceClassName: 'gpu', adminAccess: true } }];
  const body = { metadata: { name: 'c' }, spec: { devices: { requests } } };
  const make = () => api.send('POST', claims, { body });
  assert.equal(
    await refusal(make()),
    '422 ResourceClaim.resource.k8s.io "c" is invalid: spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace',
  );
  const labels = { 'resource.kubernetes.io/admin-access': 'true' };
  await api.send('PATCH', '/api/v1/namespaces/default', {
    body: { metadata: { labels } },
    contentType: 'application/merge-patch+json',
  });
  await api.context.store.cache.waitConsistent();
  assert.equal((await make()).spec.devices.requests[0].exactly.adminAccess, true);
});

test('what is told of a claim is for whom it is: who binds, and drivers on their node or on any', async () => {
  const api = await startMemoryApi();
  const requests = [{ name: 'a', exactly: { deviceClassName: 'gpu' } }];
  await api.send('POST', claims, { body: { metadata: { name: 'c' }, spec: { devices: { requests } } } });
  const roles: [name: string, rule: object][] = [
    ['binder', { resources: ['resourceclaims/binding'], verbs: ['patch'] }],
    [
      'near',
      { resources: ['resourceclaims/driver'], verbs: ['associated-node:patch'], resourceNames: ['a.example.com'] },
    ],
    ['far', { resources: ['resourceclaims/driver'], verbs: ['arbitrary-node:patch', 'arbitrary-node:update'] }],
  ];
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  for (const [name, rule] of roles) {
    const rules = [{ apiGroups: ['resource.k8s.io'], ...rule }];
    await api.send('POST', `${rbac}/clusterroles`, { body: { metadata: { name }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
    const subjects = [{ kind: 'ServiceAccount', name, namespace: 'default' }];
    await api.send('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name }, roleRef, subjects } });
  }
  await api.context.store.cache.waitConsistent();
  const account = (name: string, node?: string) => ({
    username: `system:serviceaccount:default:${name}`,
    groups: ['system:authenticated'],
    ...(node && { extra: { 'authentication.kubernetes.io/node-name': [node] } }),
  });
  const patch = (user: ReturnType<typeof account>, status: object) => {
    const contentType = 'application/merge-patch+json';
    return api.send('PATCH', `${claims}/c/status`, { user, contentType, body: { status } });
  };
  const head = '422 ResourceClaim.resource.k8s.io "c" is invalid:';
  const result = (driver: string) => ({ request: 'a', driver, pool: 'p', device: 'd' });
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['n1'] }];
  const allocation = {
    devices: { results: [result('a.example.com'), result('b.example.com')] },
    nodeSelector: { nodeSelectorTerms: [{ matchFields }] },
  };
  assert.equal(
    await refusal(patch(account('far'), { allocation })),
    `${head} status: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: resourceclaims.resource.k8s.io is forbidden: User "system:serviceaccount:default:far" cannot patch resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope`,
  );
  await patch(account('binder'), { allocation });

  const device = (driver: string) => ({ driver, pool: 'p', device: 'd', data: { seen: true } });
  const [a, b] = ['a.example.com', 'b.example.com'].map(device);
  const forbidden = (name: string, verbs: string, driver: string, first: string) =>
    `status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[${verbs}]" permission: resourceclaims.resource.k8s.io "${driver}" is forbidden: User "system:serviceaccount:default:${name}" cannot ${first} resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "default"`;
  const both = 'associated-node:patch arbitrary-node:patch';
  const table: [user: ReturnType<typeof account>, devices: unknown[] | null, why?: string][] = [
    // On another node, or on none, only who may everywhere.
    [account('near', 'n2'), [a], forbidden('near', 'arbitrary-node:patch', 'a.example.com', 'arbitrary-node:patch')],
    [account('near'), [a], forbidden('near', 'arbitrary-node:patch', 'a.example.com', 'arbitrary-node:patch')],
    // On its own, each driver for itself.
    [account('near', 'n1'), [a, b], forbidden('near', both, 'b.example.com', 'associated-node:patch')],
    [account('near', 'n1'), [a]],
    [account('far'), [a, b]],
    // What has not changed is nobody's business.
    [account('near', 'n1'), [{ ...a, data: { seen: false } }, b]],
    [account('near', 'n1'), null, forbidden('near', both, 'b.example.com', 'associated-node:patch')],
    [account('far'), null],
  ];
  for (const [user, devices, why] of table) {
    if (why) assert.equal(await refusal(patch(user, { devices })), `${head} ${why}`);
    else assert.deepEqual((await patch(user, { devices })).status.devices ?? null, devices);
  }
  // Who may all may this.
  const { metadata, ...claim } = await api.send('GET', `${claims}/c`);
  await api.send('PUT', `${claims}/c/status`, { body: { ...claim, metadata, status: { allocation, devices: [b] } } });
});
