// The cluster's DNS as clients meet it: over UDP and TCP, from a pod, the node and the host.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, dnsAddress, missingForProxy, podIps, TestNet, until } from './test-net.ts';

const skip = missingForProxy() ?? false;

describe('DNS', { skip, timeout: 120_000 }, () => {
  let net: TestNet;
  before(async () => {
    net = await TestNet.start();
  });
  after(() => net?.[Symbol.asyncDispose]());

  const dataOf = (answer: Answer) => (answer.answers ?? []).map((a) => ('data' in a ? a.data : undefined));

  test('answers service names from everywhere, over UDP and TCP', async () => {
    for (const place of [net.pods[0], net.node, net.host]) {
      for (const over of ['udp', 'tcp'] as const) {
        const answer = await place.dns('kubernetes.default.svc.cluster.local', 'A', over);
        assert.equal(answer.rcode, 'NOERROR');
        assert.deepEqual(dataOf(answer), ['10.96.0.1']);
      }
    }
  });

  test('a Service with the address of the DNS does not get in the way', async () => {
    const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }];
    await net.service('kube-dns', { clusterIP: dnsAddress, ports });
    const { spec } = await net.service('marker', { ports: [{ port: 80 }] });
    await until(
      'marker',
      () => net.pods[0].dns('marker.default.svc.cluster.local', 'A'),
      (answer) => dataOf(answer).includes(spec.clusterIP),
    );
    assert.deepEqual(dataOf(await net.pods[0].dns('kube-dns.default.svc.cluster.local', 'A')), [dnsAddress]);
    assert.doesNotMatch(net.node.run('nft', ['list', 'table', 'ip', 'k8ts-proxy']), new RegExp(`${dnsAddress} \\.`));
  });

  test('a headless service has the addresses of its endpoints, and follows them', async () => {
    await net.service('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] });
    await net.endpoints('db', [0, 1], [{ name: 'sql', port: 5432, protocol: 'TCP' }]);
    const ask = () => net.pods[0].dns('db.default.svc.cluster.local', 'A');
    const both = await until('db', ask, (answer) => dataOf(answer).length === 2);
    assert.deepEqual(dataOf(both).map(String).sort(), [...podIps]);
    await net.endpoints('db', [1], [{ name: 'sql', port: 5432, protocol: 'TCP' }]);
    await until('db', ask, (answer) => dataOf(answer).length === 1);
    const server = await net.pods[0].dns('_sql._tcp.db.default.svc.cluster.local', 'SRV');
    assert.deepEqual(dataOf(server), [
      { priority: 0, weight: 100, port: 5432, target: '10-244-0-12.db.default.svc.cluster.local' },
    ]);
  });

  test('names of others fail at once without a name server to ask', async () => {
    assert.equal((await net.pods[0].dns('example.invalid', 'A')).rcode, 'SERVFAIL');
    assert.equal((await net.pods[0].dns('nothing.default.svc.cluster.local', 'A')).rcode, 'NXDOMAIN');
  });

  test('while the proxy is away clients are left waiting, not refused', async () => {
    await net.killProxy();
    await assert.rejects(net.pods[0].dns('kubernetes.default.svc.cluster.local', 'A'), /ETIMEDOUT/);
    await net.startProxy();
    assert.equal((await net.pods[0].dns('kubernetes.default.svc.cluster.local', 'A')).rcode, 'NOERROR');
  });
});
