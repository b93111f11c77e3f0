// What the admission plugins do to the objects of a request.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { formatAddress } from '../../machinery/subnet.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { EtcdUnavailableError } from '../storage/etcd.ts';
import { parseRange } from './address-range.ts';

const services = '/api/v1/namespaces/default/services';
const pods = '/api/v1/namespaces/default/pods';
const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
const merge = 'application/merge-patch+json';

const pod = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'img' }], ...spec },
});
const service = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });

/** Lets time pass, and everything that it sets going. */
async function passTime(api: MemoryApi, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    await api.clock.advance(100);
  }
}

/** The code and message of a refusal. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const err = await work.then(
    () => assert.fail('it was let through'),
    (e: StatusError) => e,
  );
  return `${err.code} ${err.message}`;
}

describe('service addresses', () => {
  const create = (api: MemoryApi, name: string, spec?: object) =>
    api.send('POST', services, { body: service(name, spec) });

  test('every Service gets an address of its own, at random, the lower part last', async () => {
    const api = await startMemoryApi();
    const given: string[] = [];
    for (let i = 0; i < 254; i++) given.push((await create(api, `s${i}`)).spec.clusterIP);
    assert.equal(new Set(given).size, 254);
    const low = given.map((ip) => Number(ip.split('.')[3]) <= 16);
    assert.equal(low.indexOf(true), 254 - 16, 'the first 16 addresses are given out last');
    assert.match(await refusal(create(api, 'one-more')), /^500 .*failed to allocate a serviceIP: range is full/);
  });

  test('an address may be asked for, once', async () => {
    const api = await startMemoryApi();
    assert.deepEqual((await create(api, 'a', { clusterIP: '10.0.0.9' })).spec.clusterIPs, ['10.0.0.9']);
    assert.match(await refusal(create(api, 'b', { clusterIP: '10.0.0.9' })), /provided IP is already allocated/);
    assert.match(await refusal(create(api, 'b', { clusterIP: '10.1.0.9' })), /is not in the valid range/);
    await api.send('DELETE', `${services}/a`);
    await api.context.store.cache.waitConsistent();
    assert.equal((await create(api, 'b', { clusterIP: '10.0.0.9' })).spec.clusterIP, '10.0.0.9');
  });

  test('a request that may have been stored holds its address until the cache knows', async () => {
    const api = await startMemoryApi();
    const put = api.etcd.put.bind(api.etcd);
    api.etcd.put = async (...args) => {
      await put(...args);
      throw new EtcdUnavailableError('no answer');
    };
    api.etcd.lag();
    assert.match(await refusal(create(api, 'a', { clusterIP: '10.0.0.9' })), /^503/);
    api.etcd.put = put;
    assert.match(await refusal(create(api, 'b', { clusterIP: '10.0.0.9' })), /provided IP is already allocated/);
    api.etcd.catchUp();
  });

  test('what one family of addresses cannot give is refused', async () => {
    const api = await startMemoryApi();
    const cases: [spec: object, want: RegExp][] = [
      [{ ipFamilyPolicy: 'RequireDualStack' }, /^422 .*ipFamilyPolicy: .*not configured for dual-stack services/],
      [{ ipFamilies: ['IPv6'] }, /^422 .*ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster/],
      [{ clusterIPs: ['10.0.0.9', 'fd00::1'] }, /^422 .*not configured for dual-stack services/],
      [{ clusterIP: '10.0.0.9', clusterIPs: ['10.0.0.8'] }, /^422 .*first value must match `clusterIP`/],
      [{ clusterIP: 'None', selector: { a: 'b' }, ipFamilies: ['IPv6'] }, /^422 .*not configured on this cluster/],
    ];
    for (const [spec, want] of cases) assert.match(await refusal(create(api, 's', spec)), want);
    const { spec } = await create(api, 's', { ipFamilyPolicy: 'PreferDualStack' });
    assert.deepEqual([spec.clusterIPs.length, spec.ipFamilies], [1, ['IPv4']]);
  });

  test('a refused request holds nothing', async () => {
    const api = await startMemoryApi();
    await create(api, 'a');
    assert.match(await refusal(create(api, 'a', { clusterIP: '10.0.0.9' })), /^409/);
    assert.equal((await create(api, 'b', { clusterIP: '10.0.0.9' })).spec.clusterIP, '10.0.0.9');
  });

  test('updates keep what they do not mention', async () => {
    const api = await startMemoryApi();
    const made = await create(api, 'a', { type: 'NodePort' });
    const { clusterIP, clusterIPs, ...spec } = made.spec;
    const ports = [{ port: 80, protocol: 'TCP' }];
    const kept = await api.send('PUT', `${services}/a`, { body: { ...made, spec: { ...spec, ports } } });
    assert.deepEqual([kept.spec.clusterIP, kept.spec.clusterIPs], [clusterIP, clusterIPs]);
    assert.equal(kept.spec.ports[0].nodePort, made.spec.ports[0].nodePort);
  });

  test('an address is for life, also where another could not be had', async () => {
    const api = await startMemoryApi();
    const made = await create(api, 'a', {});
    for (const clusterIP of ['10.0.0.9', '192.168.0.1', 'None']) {
      const put = api.send('PUT', `${services}/a`, {
        body: { ...made, spec: { ...made.spec, clusterIP, clusterIPs: [clusterIP] } },
      });
      assert.match(await refusal(put), /^422 .*spec\.clusterIPs\[0\]: Invalid value: .*: may not change once set$/);
    }
  });

  test('node ports: given, asked for, used up', async () => {
    const api = await startMemoryApi();
    const type = 'NodePort';
    await create(api, 'a', { type, ports: [{ port: 80, nodePort: 30001 }] });
    const taken = create(api, 'b', { type, ports: [{ port: 80, nodePort: 30001 }] });
    assert.match(
      await refusal(taken),
      /spec\.ports\[0\]\.nodePort: Invalid value: 30001: provided port is already alloc/,
    );
    const outside = create(api, 'b', { type, ports: [{ port: 80, nodePort: 40000 }] });
    assert.match(await refusal(outside), /The range of valid ports is 30000-30003/);
    // A number is one Service's, whatever the protocol.
    const udp = create(api, 'u', { type, ports: [{ port: 80, protocol: 'UDP', nodePort: 30001 }] });
    assert.match(await refusal(udp), /provided port is already allocated/);
    const rest = ['x', 'y', 'z'].map((name) => ({ name, port: name.charCodeAt(0) }));
    const three = await create(api, 'c', { type, ports: rest });
    const numbers = three.spec.ports.map((p: { nodePort: number }) => p.nodePort).sort();
    assert.deepEqual(numbers, [30000, 30002, 30003]);
    assert.match(await refusal(create(api, 'd', { type })), /failed to allocate a nodePort: range is full/);
  });

  test('a port for health checks: given, kept, never changed, given up with the type', async () => {
    const api = await startMemoryApi();
    const type = 'LoadBalancer';
    const local = { type, externalTrafficPolicy: 'Local' };
    const made = await create(api, 'a', { ...local, healthCheckNodePort: 30001 });
    assert.equal(made.spec.healthCheckNodePort, 30001);
    assert.notEqual(made.spec.ports[0].nodePort, 30001);
    const taken = create(api, 'b', { ...local, healthCheckNodePort: 30001 });
    assert.match(await refusal(taken), /^500 .*failed to allocate requested HealthCheck NodePort 30001: .*allocated/);
    const put = (spec: object) =>
      api.send('PUT', `${services}/a`, { body: { ...made, metadata: { name: 'a' }, spec } });
    const { healthCheckNodePort, ...rest } = made.spec;
    assert.equal((await put(rest)).spec.healthCheckNodePort, healthCheckNodePort);
    const changed = put({ ...made.spec, healthCheckNodePort: 30003 });
    assert.match(await refusal(changed), /^422 .*spec\.healthCheckNodePort: Forbidden: field is immutable/);
    assert.match(await refusal(put({ ...made.spec, loadBalancerClass: 'a.b/c' })), /may not change once set/);
    const cluster = await put({ ...made.spec, externalTrafficPolicy: 'Cluster' });
    assert.equal(cluster.spec.healthCheckNodePort, undefined);
    const next = await put({ ...cluster.spec, externalTrafficPolicy: 'Local' });
    assert.ok(next.spec.healthCheckNodePort >= 30000);
  });

  test('headless and external ones have no address', async () => {
    const api = await startMemoryApi();
    const headless = await create(api, 'h', { clusterIP: 'None', selector: { a: 'b' } });
    assert.deepEqual([headless.spec.clusterIPs, headless.spec.ipFamilyPolicy], [['None'], 'SingleStack']);
    const open = await create(api, 'o', { clusterIP: 'None' });
    assert.deepEqual([open.spec.ipFamilies, open.spec.ipFamilyPolicy], [['IPv4', 'IPv6'], 'RequireDualStack']);
    const external = await create(api, 'e', { type: 'ExternalName', externalName: 'example.com', ports: undefined });
    assert.equal(external.spec.clusterIP, undefined);
  });
});

describe('address ranges', () => {
  const ranges: [cidr: string, want: string][] = [
    ['10.96.0.0/16', '10.96.0.1-10.96.255.254'],
    ['10.96.0.77/24', '10.96.0.1-10.96.0.254'],
    ['192.168.1.0/30', '192.168.1.1-192.168.1.2'],
  ];
  for (const [cidr, want] of ranges) {
    test(cidr, () => {
      const { first, last } = parseRange(cidr);
      assert.equal(`${formatAddress(first)}-${formatAddress(last)}`, want);
    });
  }
  test('what is no range', () => {
    for (const cidr of ['10.0.0.0', '10.0.0.0/31', '10.0.0.0/x', 'fd00::/64', '10.0.0.256/24', '']) {
      assert.throws(() => parseRange(cidr), /is not an IPv4 range/, cidr);
    }
  });
});

describe('pods', () => {
  test('without containers are refused for that, whatever would have been added to them', async () => {
    const api = await startMemoryApi();
    for (const spec of [{ containers: undefined }, { containers: null }, undefined]) {
      const made = api.send('POST', pods, { body: { metadata: { name: 'p' }, spec } });
      assert.match(await refusal(made), /^422 .*spec\.containers: Required value/);
    }
  });

  test('get their service account, its token in every container that has nothing there, and its pull secrets', async () => {
    const api = await startMemoryApi();
    await api.send('POST', '/api/v1/namespaces/default/serviceaccounts', {
      body: { metadata: { name: 'sa' }, imagePullSecrets: [{ name: 'pull' }] },
    });
    const containers = [
      { name: 'c', image: 'img' },
      {
        name: 'own',
        image: 'img',
        volumeMounts: [{ name: 'v', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
      },
    ];
    const spec = { serviceAccountName: 'sa', containers, volumes: [{ name: 'v', emptyDir: {} }] };
    const made = (await api.send('POST', pods, { body: pod('p', spec) })).spec;
    assert.deepEqual([made.serviceAccount, made.imagePullSecrets], ['sa', [{ name: 'pull' }]]);
    const token = made.volumes[1];
    assert.match(token.name, /^kube-api-access-[a-z0-9]{5}$/);
    assert.deepEqual(made.containers[0].volumeMounts[0].name, token.name);
    assert.deepEqual(
      made.containers[1].volumeMounts.map((m: { name: string }) => m.name),
      ['v'],
    );
  });

  test('no token where the pod or the account says so, no pod without its account', async () => {
    const api = await startMemoryApi();
    const body = pod('p', { automountServiceAccountToken: false });
    assert.equal((await api.send('POST', pods, { body })).spec.volumes, undefined);
    const lost = refusal(api.send('POST', pods, { body: pod('q', { serviceAccountName: 'no' }) }));
    await passTime(api, 1_000);
    assert.equal(
      await lost,
      '403 pods "q" is forbidden: error looking up service account default/no: serviceaccount "no" not found',
    );
  });

  test('an account that is made in the same moment is waited for', async () => {
    const api = await startMemoryApi();
    const made = api.send('POST', pods, { body: pod('p', { serviceAccountName: 'soon' }) });
    await passTime(api, 300);
    await api.send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'soon' } } });
    await passTime(api, 300);
    assert.equal((await made).spec.serviceAccountName, 'soon');
  });

  test('get the number of their priority class, or of the default one', async () => {
    const api = await startMemoryApi();
    const create = (name: string, spec?: object) => api.send('POST', pods, { body: pod(name, spec) });
    assert.deepEqual((await create('none')).spec.priority, 0);
    api.etcd.lag();
    await api.send('POST', classes, { body: { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' } });
    assert.equal((await create('soon', { priorityClassName: 'high' })).spec.priority, 1000);
    api.etcd.catchUp();
    await api.send('POST', classes, { body: { metadata: { name: 'usual' }, value: 5, globalDefault: true } });
    await api.context.store.cache.waitConsistent();
    const high = (await create('high', { priorityClassName: 'high' })).spec;
    assert.deepEqual([high.priority, high.preemptionPolicy], [1000, 'Never']);
    const usual = (await create('usual')).spec;
    assert.deepEqual(
      [usual.priority, usual.priorityClassName, usual.preemptionPolicy],
      [5, 'usual', 'PreemptLowerPriority'],
    );
    assert.match(await refusal(create('x', { priorityClassName: 'no' })), /no PriorityClass with name no was found/);
    const wrong = create('x', { priorityClassName: 'high', priority: 7 });
    assert.match(await refusal(wrong), /the integer value of priority \(7\) must not be provided in pod spec/);
    const policy = create('x', { preemptionPolicy: 'Never' });
    assert.match(await refusal(policy), /the string value of PreemptionPolicy \(Never\) must not be provided/);
    const { priority: _p, preemptionPolicy: _o, ...asMeant } = usual;
    const body = { metadata: { name: 'usual', labels: { a: 'b' } }, spec: asMeant };
    assert.equal((await api.send('PUT', `${pods}/usual`, { body })).spec.priority, 5);
    const second = api.send('POST', classes, { body: { metadata: { name: 'more' }, value: 6, globalDefault: true } });
    assert.match(
      await refusal(second),
      /PriorityClass usual is already marked as default. Only one default can exist$/,
    );
  });

  test('name no secrets that are not for them', async () => {
    const api = await startMemoryApi();
    const annotations = { 'kubernetes.io/enforce-mountable-secrets': 'true' };
    const account = {
      metadata: { name: 'strict', annotations },
      secrets: [{ name: 's' }],
      imagePullSecrets: [{ name: 'p' }],
    };
    await api.send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account });
    await api.context.store.cache.waitConsistent();
    const create = (spec: object, metadata: object = {}) => {
      const body = pod('x', spec);
      return api.send('POST', pods, { body: { ...body, metadata: { ...body.metadata, ...metadata } } });
    };
    const serviceAccountName = 'strict';
    const volume = (secretName: string) => ({ volumes: [{ name: 'v', secret: { secretName } }] });
    const env = [{ name: 'E', valueFrom: { secretKeyRef: { name: 'other', key: 'k' } } }];
    const table: [object, RegExp][] = [
      [volume('other'), /volume with secret.secretName="other" is not allowed because service account strict does not/],
      [
        { containers: [{ name: 'c', image: 'i', env }] },
        /: container c with envVar E referencing secret.secretName="other"/,
      ],
      [{ imagePullSecrets: [{ name: 's' }] }, /imagePullSecrets\[0\].name="s" is not allowed .* that imagePullSecret$/],
    ];
    for (const [spec, want] of table) assert.match(await refusal(create({ serviceAccountName, ...spec })), want);
    await create({ serviceAccountName, ...volume('s') });
    const mirror = { name: 'm', annotations: { 'kubernetes.io/config.mirror': 'x' } };
    const here = { nodeName: 'n' };
    assert.match(
      await refusal(create({ ...here, serviceAccountName }, mirror)),
      /a mirror pod may not reference service accounts$/,
    );
    assert.match(await refusal(create({ ...here, ...volume('s') }, mirror)), /a mirror pod may not reference secrets$/);
  });

  test('stay five minutes on a node that is lost, unless they say otherwise', async () => {
    const api = await startMemoryApi();
    const seconds = async (name: string, tolerations?: object[]) => {
      const made = await api.send('POST', pods, { body: pod(name, tolerations ? { tolerations } : {}) });
      return made.spec.tolerations.map((t: any) => `${t.key ?? '*'} ${t.tolerationSeconds ?? 'ever'}`);
    };
    const [notReady, unreachable] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
    assert.deepEqual(await seconds('a'), [`${notReady} 300`, `${unreachable} 300`]);
    assert.deepEqual(await seconds('b', [{ operator: 'Exists' }]), ['* ever']);
    const own = { key: notReady, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2 };
    assert.deepEqual(await seconds('c', [own]), [`${notReady} 2`, `${unreachable} 300`]);
  });
});

describe('namespaces', () => {
  test('nothing is made in one that is missing or going', async () => {
    const api = await startMemoryApi();
    const create = (namespace: string) =>
      api.send('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: { metadata: { name: 'a' } } });
    assert.equal(await refusal(create('no')), '404 namespaces "no" not found');
    // The cache knows only the one before it.
    const again = { body: { metadata: { name: 'again' } } };
    await api.send('POST', '/api/v1/namespaces', again);
    await api.send('DELETE', '/api/v1/namespaces/again');
    await api.context.store.cache.waitConsistent();
    api.etcd.lag();
    const { kinds, store } = api.context;
    const namespaces = kinds.kind('', 'Namespace');
    const going = await store.read(namespaces, '', 'again');
    await store.remove(namespaces, going!);
    await api.send('POST', '/api/v1/namespaces', again);
    await create('again');
    api.etcd.catchUp();
    await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'n' } } });
    await create('n');
    await api.send('DELETE', '/api/v1/namespaces/n');
    await api.context.store.cache.waitConsistent();
    assert.match(
      await refusal(create('n')),
      /^403 configmaps "a" is forbidden: unable to create new content in namespace n because it is being terminated/,
    );
  });

  test('those of the system stay', async () => {
    const api = await startMemoryApi();
    const gone = api.send('DELETE', '/api/v1/namespaces/default');
    assert.equal(await refusal(gone), '403 namespaces "default" is forbidden: this namespace may not be deleted');
  });
});

test('a new node is not ready until it says so', async () => {
  const api = await startMemoryApi();
  const made = await api.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n' } } });
  assert.deepEqual(made.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  const body = { metadata: { labels: { a: 'b' } } };
  const same = await api.send('PATCH', '/api/v1/nodes/n', { body, contentType: merge });
  assert.equal(same.spec.taints.length, 1);
});
