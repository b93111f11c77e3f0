import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { overlap, parseSubnet } from '../machinery/subnet.ts';
import { bridgeName, insideNode, isClusterName, layoutOf, onHost, slotCount, slotSubnets } from './layout.ts';

const spec = { name: 'k8ts', slot: 0, egress: true };

test('slot 0 has the addresses that Kubernetes tools usually have', () => {
  const layout = layoutOf(spec);
  assert.equal(layout.podSubnet, '10.244.0.0/16');
  assert.equal(layout.serviceSubnet, '10.96.0.0/16');
  assert.equal(layout.apiServiceAddress, '10.96.0.1');
  assert.equal(layout.clusterDns, '10.96.0.10');
  assert.equal(layout.hostAddress, '10.89.0.1');
  assert.equal(layout.apiUrl, 'https://127.0.0.1:6443');
  assert.equal(layout.contextName, 'k8ts-k8ts');
  assert.equal(layout.stateDir, '/var/lib/k8ts/k8ts');
  assert.equal(layout.runDir, '/run/k8ts/k8ts');
  const [node] = layout.nodes;
  assert.equal(node?.name, 'k8ts-control-plane');
  assert.equal(node?.address, '10.89.0.2');
  assert.equal(node?.podSubnet, '10.244.0.0/24');
});

test('no two slots share an address, a port or a link name that is too long', () => {
  const subnets = [];
  const ports = new Set<number>();
  for (let slot = 0; slot < slotCount; slot++) {
    subnets.push(...Object.values(slotSubnets(slot)).map(parseSubnet));
    const layout = layoutOf({ ...spec, slot });
    for (const port of Object.values(layout.ports)) {
      assert.ok(!ports.has(port), `port ${port} is used twice`);
      assert.ok(port < 30_000, `port ${port} is outside the range of node ports and of clients`);
      ports.add(port);
    }
    for (const link of [bridgeName(slot), ...layout.nodes.map((node) => node.link)]) assert.ok(link.length <= 15, link);
  }
  for (const [i, a] of subnets.entries()) {
    for (const b of subnets.slice(i + 1)) assert.ok(!overlap(a, b));
  }
});

test('what a user chose wins over the slot', () => {
  const layout = layoutOf({ ...spec, apiPort: 7443, podSubnet: '10.10.0.0/16', serviceSubnet: '10.20.0.0/20' });
  assert.equal(layout.apiUrl, 'https://127.0.0.1:7443');
  assert.equal(layout.nodes[0]?.podSubnet, '10.10.0.0/24');
  assert.equal(layout.clusterDns, '10.20.0.10');
});

test('the longest socket path fits into a socket address', () => {
  const [node] = layoutOf({ ...spec, name: 'a'.repeat(30) }).nodes;
  assert.ok(onHost(node!, insideNode.runtimeSocket).length <= 107);
});

describe('onHost', () => {
  const [node] = layoutOf(spec).nodes;
  test('finds a path of the node in its folders', () => {
    assert.equal(onHost(node!, '/var/log/pods'), '/var/lib/k8ts/k8ts/nodes/k8ts-control-plane/var/log/pods');
    assert.equal(onHost(node!, '/run/k8ts/x.sock'), '/run/k8ts/k8ts/nodes/k8ts-control-plane/x.sock');
  });
  test('refuses what only the node can see', () => assert.throws(() => onHost(node!, '/etc/hosts'), /not visible/));
});

describe('isClusterName', () => {
  for (const name of ['k8ts', 'a', 'a-1', 'a'.repeat(30)]) test(`takes ${name}`, () => assert.ok(isClusterName(name)));
  for (const name of ['', 'A', '-a', 'a-', 'a/b', 'a b', 'a'.repeat(31)]) {
    test(`refuses ${JSON.stringify(name)}`, () => assert.ok(!isClusterName(name)));
  }
});
