import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { MemoryApi } from '../../test/builders/memory-api.ts';
import { ensureBootstrapObjects } from './bootstrap.ts';
import { identityName, removeExpired, startIdentityLease } from './identity-lease.ts';
import { type KubernetesService, startKubernetesService } from './kubernetes-service.ts';
import { LiveServers } from './live-servers.ts';
import { ensureDefaultServiceCIDR } from './service-cidr.ts';

const options = { clusterIp: '10.0.0.1', securePort: 6443 };
const seconds = 1000;

async function startServer(etcd: FakeEtcd, seed: number) {
  const api = new MemoryApi(etcd, seed);
  await api.context.store.cache.start();
  await ensureBootstrapObjects(api.context);
  await ensureDefaultServiceCIDR(api.context, '10.0.0.0/24');
  const servers = new LiveServers(etcd, `192.0.2.${seed}`);
  const service = await startKubernetesService(api.context, servers, options);
  return { api, service };
}

/** Time passes for etcd and for the servers. */
async function pass(ms: number, etcd: FakeEtcd, servers: readonly { api: MemoryApi }[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += seconds) {
    await etcd.advance(seconds);
    for (const { api } of servers) await api.clock.advance(seconds);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function addresses({ api }: { api: MemoryApi }): Promise<string[]> {
  const endpoints = await api.send('GET', '/api/v1/namespaces/default/endpoints/kubernetes');
  const slice = await api.send('GET', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
  const ips = endpoints.subsets.flatMap((one: any) => one.addresses.map(({ ip }: any) => ip));
  assert.deepEqual(
    slice.endpoints.flatMap((one: any) => one.addresses),
    ips,
  );
  return ips;
}

test('the kubernetes Service leads to all servers that live, and to no other', async () => {
  const etcd = new FakeEtcd();
  const [one, two, three] = [await startServer(etcd, 1), await startServer(etcd, 2), await startServer(etcd, 3)];
  await pass(10 * seconds, etcd, [one, two, three]);
  assert.deepEqual(await addresses(one), ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  // The third one is killed: its key goes, then its address.
  await pass(30 * seconds, etcd, [one, two]);
  assert.deepEqual(await addresses(one), ['192.0.2.1', '192.0.2.2']);
  // The second one ends in order.
  await two.service.stop();
  await pass(seconds, etcd, [one]);
  assert.deepEqual(await addresses(one), ['192.0.2.1']);
  // The last one leaves the address that clients know.
  await one.service.stop();
  assert.deepEqual(await addresses(one), ['192.0.2.1']);
});

test('what somebody changes of the Service and its endpoints is put right', async () => {
  const etcd = new FakeEtcd();
  const one = await startServer(etcd, 1);
  const path = '/api/v1/namespaces/default';
  await one.api.send('DELETE', `${path}/endpoints/kubernetes`);
  await one.api.send('PATCH', `${path}/services/kubernetes`, {
    contentType: 'application/merge-patch+json',
    body: { spec: { ports: [{ name: 'https', port: 8443 }] } },
  });
  await pass(10 * seconds, etcd, [one]);
  assert.deepEqual(await addresses(one), ['192.0.2.1']);
  const service = await one.api.send('GET', `${path}/services/kubernetes`);
  assert.deepEqual(
    service.spec.ports.map((port: any) => [port.port, port.targetPort]),
    [[443, 6443]],
  );
  await one.service.stop();
});

test('an etcd that is away for a while changes nothing, and the round after that goes on', async () => {
  const etcd = new FakeEtcd();
  const one: { api: MemoryApi; service: KubernetesService } = await startServer(etcd, 1);
  etcd.unavailable = true;
  for (const { clock } of [one.api]) await clock.advance(20 * seconds);
  etcd.unavailable = false;
  await pass(10 * seconds, etcd, [one]);
  assert.deepEqual(await addresses(one), ['192.0.2.1']);
  await one.service.stop();
});

test('a server has a Lease under the hash of its host, which goes an hour after it', async () => {
  const api = new MemoryApi();
  await api.context.store.cache.start();
  await ensureBootstrapObjects(api.context);
  const list = () => api.send('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases');
  const stop = startIdentityLease(api.context, 'host-a');
  await api.clock.advance(20 * seconds);
  const [lease, ...others] = await list();
  assert.deepEqual(others, []);
  assert.equal(lease.metadata.name, identityName('host-a'));
  assert.match(lease.spec.holderIdentity, new RegExp(`^${lease.metadata.name}_[0-9a-f-]{36}$`));
  assert.equal(Date.parse(lease.spec.renewTime), api.clock.now());
  assert.deepEqual(lease.metadata.labels, {
    'apiserver.kubernetes.io/identity': 'kube-apiserver',
    'kubernetes.io/hostname': 'host-a',
  });
  stop();
  await api.clock.advance(3599 * seconds);
  await removeExpired(api.context);
  assert.equal((await list()).length, 1);
  await api.clock.advance(2 * seconds);
  await removeExpired(api.context);
  assert.equal((await list()).length, 0);
});

test('the name is the hash in the alphabet of RFC 4648', () => {
  const bytes = createHash('sha256').update('host-a').digest().subarray(0, 16);
  const bits = [...bytes]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .padEnd(130, '0');
  const digits = bits.match(/.{5}/g)!.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]);
  assert.equal(identityName('host-a'), `apiserver-${digits.join('')}`);
});
