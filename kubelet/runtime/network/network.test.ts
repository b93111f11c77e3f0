// Addresses, links and the firewall table, as text.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatSubnet } from '../../../machinery/subnet.ts';
import { macOf, nextFreeIp, parseCidr } from './address.ts';
import { findTakenPort, type HostPort, hostPortsOf, renderPorts, renderTable } from './firewall.ts';
import { linkNameOf, nodeEndBatch, podEndBatch } from './link.ts';

describe('addresses', () => {
  const cidr = parseCidr('10.244.1.0/29');
  test('a CIDR is normalised', () => assert.equal(formatSubnet(parseCidr('10.244.1.77/24')), '10.244.1.0/24'));
  for (const text of ['10.0.0/8', '10.0.0.0', '10.0.0.256/8', '10.0.0.0/33', 'x']) {
    test(`${text} is refused`, () => assert.throws(() => parseCidr(text), /is not an IPv4/));
  }
  test('addresses are given in turn, freed ones last, until there are none', () => {
    const taken = new Set<string>();
    let last: string | undefined;
    const next = () => {
      const ip = nextFreeIp(cidr, taken, last);
      if (!ip) return ip;
      taken.add(ip);
      last = ip;
      return ip;
    };
    assert.deepEqual([next(), next(), next()], ['10.244.1.2', '10.244.1.3', '10.244.1.4']);
    taken.delete('10.244.1.2');
    assert.deepEqual([next(), next(), next(), next()], ['10.244.1.5', '10.244.1.6', '10.244.1.2', null]);
  });
  test('a MAC follows from the address', () => assert.equal(macOf('10.244.1.2'), '0a:58:0a:f4:01:02'));
});

describe('links', () => {
  test('are named after the pod and fit the kernel', () => {
    assert.equal(linkNameOf('3f2A9c0b-1d2e-4f5a-8b7c-112233445566'), 'pod3f2a9c0b1d2e');
    assert.match(linkNameOf('not a uuid'), /^pod[0-9a-f]{12}$/);
  });
  test('are made from inside the pod, then brought up on the node', () => {
    const link = { name: 'podx', ip: '10.244.1.2', nodePid: 42 };
    assert.match(podEndBatch(link), /link add eth0 .* type veth peer name podx .* netns 42\n/);
    assert.match(nodeEndBatch(link), /route replace 10\.244\.1\.2\/32 dev podx/);
  });
});

describe('hostPorts', () => {
  const mapping = { protocol: 'TCP' as const, container_port: 80, host_port: 8080, host_ip: '0.0.0.0' };
  const [port] = hostPortsOf([mapping, { ...mapping, host_port: 0 }], '10.244.1.2') as [HostPort];
  test('without an address mean all', () => {
    assert.deepEqual(port, { protocol: 'tcp', hostIp: '', hostPort: 8080, podIp: '10.244.1.2', podPort: 80 });
    assert.equal(
      renderPorts('create', [port]),
      'create element ip k8ts-runtime hostports { tcp . 8080 : 10.244.1.2 . 80 }\n',
    );
  });
  test('clash when their addresses overlap', () => {
    assert.equal(findTakenPort([{ ...port, hostIp: '1.2.3.4' }], [port])?.hostPort, 8080);
    assert.equal(findTakenPort([{ ...port, hostIp: '1.2.3.4' }], [{ ...port, hostIp: '4.3.2.1' }]), undefined);
    assert.equal(findTakenPort([{ ...port, protocol: 'udp' }], [port]), undefined);
  });
  test('are all in a rebuilt table', () => {
    const table = renderTable(
      '10.244.1.0/24',
      ['10.244.1.0/24', '10.244.0.0/16'],
      [port, { ...port, hostIp: '1.2.3.4' }],
    );
    assert.match(table, /elements = \{ tcp \. 8080 : 10\.244\.1\.2 \. 80 \};/);
    assert.match(table, /elements = \{ 1\.2\.3\.4 \. tcp \. 8080 :/);
    assert.match(table, /ip daddr != \{ 10\.244\.1\.0\/24, 10\.244\.0\.0\/16 \}/);
  });
});
