// Quotas: what is counted, what is refused, and that no more is let in than there is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';

const core = '/api/v1/namespaces/default';
const merge = 'application/merge-patch+json';

type Amounts = Record<string, string>;

/** A quota as its controller leaves it. */
async function addQuota(api: MemoryApi, name: string, hard: Amounts, used: Amounts = {}, spec: object = {}) {
  await api.send('POST', `${core}/resourcequotas`, { body: { metadata: { name }, spec: { hard, ...spec } } });
  const zeros = Object.fromEntries(Object.keys(hard).map((resource) => [resource, '0']));
  const status = { hard, used: { ...zeros, ...used } };
  await api.send('PATCH', `${core}/resourcequotas/${name}/status`, { body: { status }, contentType: merge });
}

async function withQuota(hard: Amounts, used?: Amounts, spec?: object): Promise<MemoryApi> {
  const api = await startMemoryApi();
  await addQuota(api, 'q', hard, used, spec);
  return api;
}

const usedOf = async (api: MemoryApi, name = 'q') =>
  (await api.send('GET', `${core}/resourcequotas/${name}`)).status.used;

const pod = (name: string, resources: object = {}, spec: object = {}) => ({
  metadata: { name },
  spec: { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i', resources }], ...spec },
});
const makePod = (api: MemoryApi, name: string, resources?: object, spec?: object) =>
  api.send('POST', `${core}/pods`, { body: pod(name, resources, spec) });
const makeMap = (api: MemoryApi, name: string) =>
  api.send('POST', `${core}/configmaps`, { body: { metadata: { name } } });

/** Lets time pass, and everything that it sets going. */
async function passTime(api: MemoryApi, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    await api.clock.advance(100);
  }
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const err = await work.then(
    () => assert.fail('it was let through'),
    (e: StatusError) => e,
  );
  return `${err.code} ${err.message}`;
}

test('what comes is counted, and what is too much is refused', async () => {
  const api = await withQuota({ pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi' });
  const limits = { cpu: '600m', memory: '512Mi' };
  await makePod(api, 'a', { limits });
  assert.deepEqual(await usedOf(api), { pods: '1', 'requests.cpu': '600m', 'limits.memory': '512Mi' });
  assert.equal(
    await refusal(makePod(api, 'b', { limits })),
    '403 pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
  );
  assert.equal((await usedOf(api)).pods, '1');
});

test('containers must say what is limited', async () => {
  const api = await withQuota({ pods: '5', 'requests.cpu': '1', 'limits.cpu': '1' });
  assert.equal(
    await refusal(makePod(api, 'p')),
    '403 pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.cpu for: c',
  );
  await makePod(api, 'p', {}, { resources: { limits: { cpu: '500m' }, requests: { cpu: '100m' } } });
  assert.deepEqual(await usedOf(api), { pods: '1', 'requests.cpu': '100m', 'limits.cpu': '500m' });
});

test('a quota that has not been counted yet lets nothing in; one that is not in force limits nothing', async () => {
  const api = await withQuota({ pods: '5' });
  await api.send('PATCH', `${core}/resourcequotas/q/status`, { body: { status: { used: null } }, contentType: merge });
  assert.equal(
    await refusal(makePod(api, 'p')),
    '403 pods "p" is forbidden: status unknown for quota: q, resources: pods',
  );
  await api.send('PATCH', `${core}/resourcequotas/q/status`, { body: { status: { hard: null } }, contentType: merge });
  await api.clock.advance(6_000);
  await makePod(api, 'p');
});

test('one that was made a moment ago is waited for, a while', async () => {
  const api = await startMemoryApi();
  const hard = { configmaps: '0' };
  await api.send('POST', `${core}/resourcequotas`, { body: { metadata: { name: 'q' }, spec: { hard } } });
  // What it does not limit waits for nothing.
  await api.send('POST', `${core}/secrets`, { body: { metadata: { name: 's' } } });
  const early = makeMap(api, 'm');
  await passTime(api, 100);
  const status = { hard, used: hard };
  await api.send('PATCH', `${core}/resourcequotas/q/status`, { body: { status }, contentType: merge });
  const [text] = await Promise.all([refusal(early), passTime(api, 200)]);
  assert.match(text, /exceeded quota: q/);
  await api.send('DELETE', `${core}/resourcequotas/q`);
  await api.send('POST', `${core}/resourcequotas`, { body: { metadata: { name: 'late' }, spec: { hard } } });
  await Promise.all([makeMap(api, 'm'), passTime(api, 2_000)]);
});

test('a dry run is checked and not counted', async () => {
  const api = await withQuota({ configmaps: '1' });
  const dry = () => api.send('POST', `${core}/configmaps?dryRun=All`, { body: { metadata: { name: 'm' } } });
  await dry();
  assert.deepEqual(await usedOf(api), { configmaps: '0' });
  await makeMap(api, 'other');
  assert.match(
    await refusal(dry()),
    /exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1$/,
  );
});

test('all quotas are asked before one is charged', async () => {
  const api = await withQuota({ configmaps: '5' });
  await addQuota(api, 'tight', { 'count/configmaps': '0' });
  assert.match(await refusal(makeMap(api, 'm')), /exceeded quota: tight, requested: count\/configmaps=1/);
  assert.deepEqual(await usedOf(api), { configmaps: '0' });
});

describe('objects', () => {
  const make: [string, string, object, Amounts][] = [
    ['by their old name', `${core}/secrets`, {}, { secrets: '1', 'count/secrets': '1' }],
    [
      'of any group',
      '/apis/apps/v1/namespaces/default/deployments',
      {
        spec: {
          selector: { matchLabels: { a: 'b' } },
          template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      },
      { 'count/deployments.apps': '1' },
    ],
    [
      'services, with their node ports',
      `${core}/services`,
      {
        spec: {
          type: 'NodePort',
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 81 },
          ],
        },
      },
      { services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' },
    ],
    [
      'load balancers without node ports',
      `${core}/services`,
      { spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] } },
      { services: '1', 'services.nodeports': '0', 'services.loadbalancers': '1' },
    ],
    [
      'claims, by class too',
      `${core}/persistentvolumeclaims`,
      {
        spec: {
          storageClassName: 'gold',
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1500m' } },
        },
      },
      {
        persistentvolumeclaims: '1',
        'requests.storage': '2',
        'gold.storageclass.storage.k8s.io/requests.storage': '2',
        'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
        'slow.storageclass.storage.k8s.io/requests.storage': '0',
      },
    ],
  ];
  for (const [name, path, body, want] of make) {
    test(name, async () => {
      const api = await withQuota(Object.fromEntries(Object.keys(want).map((resource) => [resource, '10'])));
      await api.send('POST', path, { body: { metadata: { name: 'x' }, ...body } });
      assert.deepEqual(await usedOf(api), want);
    });
  }

  test('a change pays the difference, and what becomes less pays nothing', async () => {
    const api = await withQuota({ 'services.nodeports': '2' });
    const ports = [1, 2, 3].map((n) => ({ name: `p${n}`, port: 80 + n }));
    const service = (type: string, count: number) => ({
      metadata: { name: 's' },
      spec: { type, ports: ports.slice(0, count) },
    });
    await api.send('POST', `${core}/services`, { body: service('ClusterIP', 1) });
    const put = (type: string, count: number) =>
      api.send('PATCH', `${core}/services/s`, { body: { spec: service(type, count).spec }, contentType: merge });
    await put('NodePort', 2);
    assert.deepEqual(await usedOf(api), { 'services.nodeports': '2' });
    assert.match(
      await refusal(put('NodePort', 3)),
      /exceeded quota: q, requested: services.nodeports=1, used: services/,
    );
    await put('NodePort', 1);
    assert.deepEqual(await usedOf(api), { 'services.nodeports': '2' });
  });

  test('events, and what is in no namespace, are free', async () => {
    const api = await withQuota({ 'count/events': '0', 'count/namespaces': '0' });
    const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' };
    await api.send('POST', `${core}/events`, { body: { metadata: { name: 'e' }, involvedObject } });
    await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'other' } } });
  });
});

describe('scopes', () => {
  const only = (scopeName: string, operator: string, values?: string[]) => ({
    scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values && { values }) }] },
  });
  const affinity = {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'k', namespaceSelector: {}, labelSelector: {} }],
    },
  };
  const cpu = { requests: { cpu: '1' } };
  const table: [string, object, object, object, boolean][] = [
    ['ends by itself', { scopes: ['Terminating'] }, {}, { activeDeadlineSeconds: 5 }, true],
    ['does not end', { scopes: ['Terminating'] }, {}, {}, false],
    ['runs on', { scopes: ['NotTerminating'] }, {}, {}, true],
    ['asks for nothing', { scopes: ['BestEffort'] }, {}, {}, true],
    ['asks for something', { scopes: ['BestEffort'] }, cpu, {}, false],
    ['asks for something and runs on', { scopes: ['NotBestEffort', 'NotTerminating'] }, cpu, {}, true],
    ['looks into other namespaces', { scopes: ['CrossNamespacePodAffinity'] }, {}, { affinity }, true],
    ['looks nowhere', { scopes: ['CrossNamespacePodAffinity'] }, {}, {}, false],
    ['of a priority', only('PriorityClass', 'In', ['high']), {}, { priorityClassName: 'high' }, true],
    ['of another one', only('PriorityClass', 'In', ['low']), {}, { priorityClassName: 'high' }, false],
    ['of none, where none are meant', only('PriorityClass', 'DoesNotExist'), {}, {}, true],
    ['of none, which is not that one', only('PriorityClass', 'NotIn', ['high']), {}, {}, true],
  ];
  for (const [name, spec, resources, podSpec, counts] of table) {
    test(`a pod that ${name} ${counts ? 'counts' : 'does not count'}`, async () => {
      const api = await withQuota({ pods: '3' }, {}, spec);
      const high = { metadata: { name: 'high' }, value: 7 };
      await api.send('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { body: high });
      await makePod(api, 'p', resources, podSpec);
      assert.equal((await usedOf(api)).pods, counts ? '1' : '0');
    });
  }
});

describe('many at a time', () => {
  const tries = 30;
  const allowed = 7;
  const names = Array.from({ length: tries }, (_, i) => `m${i}`);

  async function check(apis: readonly MemoryApi[]) {
    await addQuota(apis[0]!, 'q', { configmaps: String(allowed) });
    await Promise.all(apis.map((api) => api.context.store.cache.waitConsistent()));
    const made = await Promise.allSettled(names.map((name, i) => makeMap(apis[i % apis.length]!, name)));
    const { length } = await apis[0]!.send('GET', `${core}/configmaps`);
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, length);
    assert.deepEqual(await usedOf(apis[0]!), { configmaps: String(length) });
    return { length, reasons: made.flatMap((m) => (m.status === 'rejected' ? [m.reason.code] : [])) };
  }

  test('get all there is, and no more', async () => {
    const { length, reasons } = await check([await startMemoryApi()]);
    assert.equal(length, allowed);
    assert.deepEqual(new Set(reasons), new Set([403]));
  });

  test('through two servers get no more either', async () => {
    const etcd = new FakeEtcd();
    const first = new MemoryApi(etcd);
    await first.context.store.cache.start();
    await first.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'default' } } });
    const second = new MemoryApi(etcd);
    await second.context.store.cache.start();
    assert.equal((await check([first, second])).length, allowed);
  });
});
