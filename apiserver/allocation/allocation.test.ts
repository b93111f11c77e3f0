// Addresses and node ports of Services, and the locks that keep them from being given twice: on one API server and on
// three, through refusals, deaths and mistakes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { ensureBootstrapObjects } from '../bootstrap/bootstrap.ts';
import { ensureKubernetesService } from '../bootstrap/kubernetes-service.ts';
import { ensureDefaultServiceCIDR } from '../bootstrap/service-cidr.ts';
import { EtcdUnavailableError } from '../storage/etcd.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { internalKinds, lockOfAddress, takeLock } from './locks.ts';
import { shuffled } from './ranges.ts';
import { makeMissingLocks, removeLeftLocks, startRepair } from './repair.ts';
import { takeTurn } from './turns.ts';

const services = '/api/v1/namespaces/default/services';
const ipAddresses = '/apis/networking.k8s.io/v1/ipaddresses';
const serviceCIDRs = '/apis/networking.k8s.io/v1/servicecidrs';
const merge = 'application/merge-patch+json';
const minutes = 60_000;

const service = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
const create = (api: MemoryApi, name: string, spec?: object) =>
  api.send('POST', services, { body: service(name, spec) });
const patch = (api: MemoryApi, name: string, body: object) =>
  api.send('PATCH', `${services}/${name}`, { body, contentType: merge });

/** `address service` of each IPAddress. */
async function addresses(api: MemoryApi): Promise<string[]> {
  const list = await api.send('GET', ipAddresses);
  return list.map((ip: any) => `${ip.metadata.name} ${ip.spec.parentRef.name}`);
}

/** `port service` of each node port that is taken. */
async function ports({ context: { store } }: MemoryApi): Promise<string[]> {
  await store.cache.waitConsistent();
  const [kind] = internalKinds;
  const locks = [...store.resource(kind!).list(keyPrefixOf(kind!))];
  return locks.map(({ object }) => `${object.metadata.name} ${object.spec.parentRef.name}`);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const err = await work.then(
    () => assert.fail('it was let through'),
    (e: StatusError) => e,
  );
  return `${err.code} ${err.message}`;
}

/** Until the work is done, time passes. */
async function passTime<T>(apis: readonly MemoryApi[], work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  work.then(done, done);
  while (!isDone) {
    await new Promise(setImmediate);
    for (const api of apis) await api.clock.advance(100);
  }
  return work;
}

async function startThree(): Promise<MemoryApi[]> {
  const first = await startMemoryApi();
  const others = [1, 2].map((seed) => new MemoryApi(first.etcd, seed + 1));
  for (const api of others) await api.context.store.cache.start();
  return [first, ...others];
}

describe('what a Service has', () => {
  test('is locked in its name, and free once the Service is gone', async () => {
    const api = await startMemoryApi();
    const made = await create(api, 'a', { type: 'NodePort', clusterIP: '10.0.0.9' });
    const { metadata, spec } = await api.send('GET', `${ipAddresses}/10.0.0.9`);
    assert.deepEqual(metadata.labels, {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    });
    assert.deepEqual(spec, { parentRef: { group: '', name: 'a', namespace: 'default', resource: 'services' } });
    assert.deepEqual(await ports(api), [`${made.spec.ports[0].nodePort} a`]);
    await api.send('DELETE', `${services}/a`);
    assert.deepEqual([await addresses(api), await ports(api)], [[], []]);
  });

  test('stays its own while a finalizer holds it', async () => {
    const api = await startMemoryApi();
    const body = service('a', { clusterIP: '10.0.0.9', type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] });
    await api.send('POST', services, { body: { ...body, metadata: { name: 'a', finalizers: ['a.b/c'] } } });
    await api.send('DELETE', `${services}/a`);
    assert.deepEqual([await addresses(api), await ports(api)], [['10.0.0.9 a'], ['30001 a']]);
    await patch(api, 'a', { metadata: { finalizers: null } });
    assert.deepEqual([await addresses(api), await ports(api)], [[], []]);
  });

  test('goes with its type, and comes with it', async () => {
    const api = await startMemoryApi();
    await create(api, 'a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] });
    await patch(api, 'a', { spec: { type: 'ClusterIP' } });
    assert.deepEqual([(await addresses(api)).length, await ports(api)], [1, []]);
    await patch(api, 'a', { spec: { type: 'ExternalName', externalName: 'b.c' } });
    assert.deepEqual(await addresses(api), []);
    const again = await patch(api, 'a', { spec: { type: 'NodePort', externalName: null } });
    assert.deepEqual(await addresses(api), [`${again.spec.clusterIP} a`]);
    assert.deepEqual(await ports(api), [`${again.spec.ports[0].nodePort} a`]);
  });

  test('is not touched by a request that is refused or dry', async () => {
    const api = await startMemoryApi();
    await create(api, 'a', { type: 'NodePort', clusterIP: '10.0.0.9', ports: [{ port: 80, nodePort: 30001 }] });
    const before = [await addresses(api), await ports(api)];
    const asked = { type: 'NodePort', ports: [{ port: 80 }, { port: 80 }] };
    assert.match(await refusal(create(api, 'b', asked)), /^422 .*ports\[1\]/);
    const dry = await api.send('POST', `${services}?dryRun=All`, { body: service('c', { type: 'NodePort' }) });
    assert.match(dry.spec.clusterIP, /^10\.0\.0\./);
    await api.send('DELETE', `${services}/a?dryRun=All`);
    await api.send('PATCH', `${services}/a?dryRun=All`, { body: { spec: { type: 'ClusterIP' } }, contentType: merge });
    assert.deepEqual([await addresses(api), await ports(api)], before);
  });

  test('protocols of one port share a node port; other ports get others', async () => {
    const api = await startMemoryApi();
    const dns = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), port: 53, protocol }));
    const { spec } = await create(api, 'dns', { type: 'NodePort', ports: [...dns, { name: 'm', port: 9153 }] });
    const [tcp, udp, metrics] = spec.ports.map((port: { nodePort: number }) => port.nodePort);
    assert.deepEqual([tcp === udp, tcp === metrics, (await ports(api)).length], [true, false, 2]);
  });

  test('is freed at once, also where the cache does not know yet', async () => {
    const api = await startMemoryApi();
    for (let i = 0; i < 4; i++) await create(api, `s${i}`, { type: 'NodePort' });
    assert.match(await refusal(create(api, 'more', { type: 'NodePort' })), /^500 .*range is full/);
    await api.send('DELETE', `${services}/s0`);
    await create(api, 'more', { type: 'NodePort' });
  });
});

test('the lower part of a range is tried last, each number once', () => {
  const random = { next: () => 0.5 };
  assert.deepEqual([...shuffled(6, 2, random as any)], [4, 5, 2, 3, 1, 0]);
  assert.deepEqual([...shuffled(0, 0, random as any)], []);
});

describe('ranges', () => {
  test('are those of the ServiceCIDRs that are ready, the first one first', async () => {
    const api = await startMemoryApi();
    await ensureDefaultServiceCIDR(api.context, '10.0.0.0/30');
    const [first, second] = [await create(api, 'a'), await create(api, 'b')];
    assert.deepEqual([first, second].map((s) => s.spec.clusterIP).sort(), ['10.0.0.1', '10.0.0.2']);
    assert.match(await refusal(create(api, 'c')), /^500 .*range is full/);
    const body = { metadata: { name: 'more' }, spec: { cidrs: ['10.7.0.0/24'] } };
    await api.send('POST', serviceCIDRs, { body });
    assert.match((await create(api, 'c')).spec.clusterIP, /^10\.7\.0\./);
    assert.equal((await create(api, 'd', { clusterIP: '10.7.0.200' })).spec.clusterIP, '10.7.0.200');
    const status = { conditions: [{ type: 'Ready', status: 'False', reason: 'Terminating', message: '' }] };
    await api.send('PATCH', `${serviceCIDRs}/more/status`, { body: { status }, contentType: merge });
    await api.context.store.cache.waitConsistent();
    assert.match(
      await refusal(create(api, 'e', { clusterIP: '10.7.0.201' })),
      /^422 .*failed to allocate IP 10\.7\.0\.201: .*The range of valid IPs is 10\.0\.0\.0\/30$/,
    );
  });

  test('of the cluster are made once, with what protects them', async () => {
    const api = await startMemoryApi();
    await ensureDefaultServiceCIDR(api.context, '10.0.0.0/24');
    await ensureDefaultServiceCIDR(api.context, '10.9.0.0/24');
    const { metadata, spec } = await api.send('GET', `${serviceCIDRs}/kubernetes`);
    const finalizers = ['networking.k8s.io/service-cidr-finalizer'];
    assert.deepEqual([metadata.finalizers, spec.cidrs], [finalizers, ['10.0.0.0/24']]);
  });
});

describe('three API servers on one etcd', () => {
  test('never give the same twice, and lose nothing', async () => {
    const apis = await startThree();
    const type = 'NodePort';
    // As many as there are node ports, each from another server, all at once.
    const made = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => create(apis[i % 3]!, `s${i}`, { type })),
    );
    const stored = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.equal(stored.length, 4, 'there are four node ports');
    assert.equal(new Set(stored.map((s) => s.spec.clusterIP)).size, 4);
    assert.equal(new Set(stored.map((s) => s.spec.ports[0].nodePort)).size, 4);
    assert.deepEqual(
      [(await addresses(apis[0]!)).length, (await ports(apis[0]!)).length],
      [4, 4],
      'those that were refused hold nothing',
    );
    await Promise.all(stored.map((s, i) => apis[(i + 1) % 3]!.send('DELETE', `${services}/${s.metadata.name}`)));
    assert.deepEqual([await addresses(apis[0]!), await ports(apis[0]!)], [[], []]);
  });

  test('an address that all are asked for is given by one', async () => {
    const apis = await startThree();
    const asked = apis.map((api, i) => create(api, `s${i}`, { clusterIP: '10.0.0.9' }));
    const made = await Promise.allSettled(asked);
    assert.equal(made.filter((one) => one.status === 'fulfilled').length, 1);
    assert.equal((await addresses(apis[0]!)).length, 1);
  });

  test('one name from all of them: one Service, with what it has', async () => {
    const apis = await startThree();
    const made = await Promise.allSettled(apis.map((api) => create(api, 'same', { type: 'NodePort' })));
    const [one, ...more] = made.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    assert.equal(more.length, 0);
    assert.deepEqual(await addresses(apis[0]!), [`${one.spec.clusterIP} same`]);
    assert.deepEqual(await ports(apis[0]!), [`${one.spec.ports[0].nodePort} same`]);
  });

  test('begin a cluster together, also where one of them died on the way', async () => {
    const etcd = new FakeEtcd();
    const apis = [1, 2, 3].map((seed) => new MemoryApi(etcd, seed));
    for (const api of apis) await api.context.store.cache.start();
    const options = { clusterIp: '10.0.0.1', addresses: ['192.0.2.1'], securePort: 6443 };
    const owner = { namespace: 'default', name: 'kubernetes' };
    await takeLock({ store: apis[0]!.context.store, clock: apis[0]!.clock }, lockOfAddress('10.0.0.1'), owner);
    const begin = async ({ context }: MemoryApi) => {
      await ensureBootstrapObjects(context);
      await ensureDefaultServiceCIDR(context, '10.0.0.0/24');
      await makeMissingLocks(context);
      await ensureKubernetesService(context, options);
    };
    await passTime(apis, Promise.all(apis.map(begin)));
    await makeMissingLocks(apis[0]!.context);
    assert.deepEqual(await addresses(apis[0]!), ['10.0.0.1 kubernetes']);
  });

  test('take turns: one does the work until it stops', async () => {
    const [a, b] = await startThree();
    const turn = (api: MemoryApi, identity: string) =>
      takeTurn({ ...api.context, clock: a!.clock, name: 'work', identity, lengthMs: 6 * minutes });
    assert.deepEqual([await turn(a!, 'a'), await turn(b!, 'b')], [true, false]);
    await a!.clock.advance(3 * minutes);
    assert.deepEqual([await turn(b!, 'b'), await turn(a!, 'a')], [false, true]);
    await a!.clock.advance(7 * minutes);
    assert.deepEqual([await turn(b!, 'b'), await turn(a!, 'a')], [true, false]);
  });
});

describe('repair', () => {
  const repair = async (api: MemoryApi) => {
    await removeLeftLocks(api.context);
    await makeMissingLocks(api.context);
  };

  test('of a server that was killed between a lock and its Service: after a while, not before', async () => {
    const api = await startMemoryApi();
    const put = api.etcd.put.bind(api.etcd);
    api.etcd.put = async (key, ...rest) => {
      if (key.includes('/services/')) throw new EtcdUnavailableError('no answer');
      return put(key, ...rest);
    };
    const lost = { type: 'NodePort', clusterIP: '10.0.0.9', ports: [{ port: 80, nodePort: 30001 }] };
    assert.match(await refusal(create(api, 'a', lost)), /^503/);
    api.etcd.put = put;
    await api.clock.advance(2 * minutes);
    await repair(api);
    assert.match(await refusal(create(api, 'b', lost)), /provided IP is already allocated/);
    await api.clock.advance(4 * minutes);
    await repair(api);
    assert.deepEqual([await addresses(api), await ports(api)], [[], []]);
    await create(api, 'b', lost);
  });

  test('where a Service was stored although etcd did not say so, what it has stays its own', async () => {
    const api = await startMemoryApi();
    const put = api.etcd.put.bind(api.etcd);
    api.etcd.put = async (key, ...rest) => {
      const result = await put(key, ...rest);
      if (key.includes('/services/')) throw new EtcdUnavailableError('no answer');
      return result;
    };
    await refusal(create(api, 'a', { clusterIP: '10.0.0.9' }));
    api.etcd.put = put;
    await api.clock.advance(6 * minutes);
    await repair(api);
    assert.deepEqual(await addresses(api), ['10.0.0.9 a']);
  });

  test('makes the locks of Services of an older version, or that somebody deleted', async () => {
    const api = await startMemoryApi();
    const { spec } = await create(api, 'a', { type: 'NodePort' });
    await api.send('DELETE', `${ipAddresses}/${spec.clusterIP}`);
    assert.deepEqual(await addresses(api), []);
    await repair(api);
    assert.deepEqual(await addresses(api), [`${spec.clusterIP} a`]);
  });

  test('leaves alone what people made, and what is in use', async () => {
    const api = await startMemoryApi();
    const parentRef = { group: 'gateway.networking.k8s.io', resource: 'gateways', name: 'g' };
    await api.send('POST', ipAddresses, { body: { metadata: { name: '10.0.0.7' }, spec: { parentRef } } });
    await create(api, 'a', { clusterIP: '10.0.0.9' });
    await api.clock.advance(6 * minutes);
    await repair(api);
    assert.deepEqual((await addresses(api)).sort(), ['10.0.0.7 g', '10.0.0.9 a']);
    assert.match(await refusal(create(api, 'b', { clusterIP: '10.0.0.7' })), /provided IP is already allocated/);
  });

  test('runs by itself', async () => {
    const api = await startMemoryApi();
    await ensureBootstrapObjects(api.context);
    const { spec } = await create(api, 'a');
    await api.send('DELETE', `${ipAddresses}/${spec.clusterIP}`);
    const stop = startRepair({ ...api.context, log: silentLogger }, 'me');
    const isBack = async () => {
      while ((await addresses(api)).length === 0) await new Promise(setImmediate);
    };
    await passTime([api], isBack());
    stop();
  });
});
