// When rules are applied, and what happens when that fails. What they are is ruleset.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { Service } from '../../api/core/service.ts';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { FedInformer } from '../../test/builders/fed-informer.ts';
import { node } from '../../test/builders/node.ts';
import { buildService, buildSlice } from '../../test/builders/service.ts';
import { ServiceProxy } from './proxy.ts';

async function startProxy() {
  const clock = new FakeClock();
  const services = new FedInformer<Service>();
  const slices = new FedInformer<EndpointSlice>();
  const nodes = new FedInformer<Node>();
  const scripts: string[] = [];
  const calls: string[] = [];
  const state = { fails: 0, flows: '' };
  const proxy = new ServiceProxy({
    services,
    slices,
    nodes,
    nodeName: 'here',
    facts: { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', dnsAddress: '10.96.0.10' },
    clock,
    log: silentLogger,
    async run(command, args, input) {
      if (command !== 'nft') {
        calls.push([command, ...args].join(' '));
        return state.flows;
      }
      if (args.includes('list')) return '{"nftables": []}';
      if (state.fails-- > 0) throw new Error('busy');
      scripts.push(input);
      return '';
    },
  });
  services.put(buildService('kube-dns', { clusterIP: '10.96.0.10' }));
  services.put(buildService('web'));
  const started = proxy.start();
  const settle = async (ms: number) => {
    for (let i = 0; i < 5; i++) await clock.advance(ms / 5);
  };
  await settle(5);
  await started;
  return { proxy, services, slices, nodes, scripts, calls, settle, state };
}

test('the first script is whole, the next ones are differences', async () => {
  const { slices, scripts, settle } = await startProxy();
  assert.equal(scripts.length, 1);
  assert.match(scripts[0]!, /^add table .*\ndelete table /);
  assert.doesNotMatch(scripts[0]!, /10\.96\.0\.10 \./); // the node answers DNS itself
  slices.put(buildSlice('web', ['10.244.0.2']));
  slices.put(buildSlice('web', ['10.244.0.2', '10.244.0.3']));
  await settle(10);
  assert.equal(scripts.length, 2); // gathered
  assert.match(
    scripts[1]!,
    /^add chain .*\nadd rule .* map \{ 0 : 10\.244\.0\.2 \. 8080, 1 : 10\.244\.0\.3 \. 8080 \}\n/,
  );
  slices.put(buildSlice('other', ['10.244.0.4']));
  await settle(10);
  assert.equal(scripts.length, 2); // of no service that exists
});

test('in another zone other endpoints are near', async () => {
  const { slices, nodes, scripts, settle } = await startProxy();
  const hints = (name: string) => ({ forZones: [{ name }] });
  slices.put(
    buildSlice('web', [
      { ip: '10.244.0.2', hints: hints('z1') },
      { ip: '10.244.0.3', hints: hints('z2') },
    ]),
  );
  await settle(10);
  for (const [zone, near] of [
    ['z2', '0.3'],
    ['z1', '0.2'],
  ]) {
    const before = scripts.length;
    nodes.put(node('here', { labels: { 'topology.kubernetes.io/zone': zone! } }));
    await settle(10);
    assert.equal(scripts.length, before + 1);
    assert.match(scripts.at(-1)!, new RegExp(`dnat[^\\n]* 10\\.244\\.${near!.replace('.', '\\.')}`));
  }
});

test('after a failure everything is applied anew', async () => {
  const { slices, scripts, settle, state } = await startProxy();
  state.fails = 1;
  slices.put(buildSlice('web', ['10.244.0.2']));
  await settle(10);
  assert.equal(scripts.length, 1);
  await settle(2_000);
  assert.equal(scripts.length, 2);
  assert.match(scripts[1]!, /^add table .*\ndelete table [\s\S]*10\.244\.0\.2/);
});

test('UDP flows to an endpoint that is gone are forgotten', async () => {
  const { services, slices, calls, settle, state } = await startProxy();
  const slice = (ips: string[]) => buildSlice('talk', ips, [{ port: 90, protocol: 'UDP' }]);
  services.put(
    buildService('talk', { clusterIP: '10.96.0.30', ports: [{ port: 90, protocol: 'UDP', targetPort: 90 }] }),
  );
  slices.put(slice(['10.244.0.2']));
  await settle(10);
  calls.length = 0;
  slices.put(slice(['10.244.0.3']));
  await settle(10);
  assert.deepEqual(calls, ['conntrack -D -p udp --orig-dst 10.96.0.30 --orig-port-dst 90 --dst-nat 10.244.0.2']);
  // A failure in between leaves nothing out: what the kernel has is compared instead.
  state.fails = 1;
  state.flows =
    'udp 17 9 src=1.1.1.1 dst=10.96.0.30 sport=5 dport=90 src=10.244.0.3 dst=1.1.1.1 sport=90 dport=5 use=1';
  slices.put(slice(['10.244.0.4']));
  await settle(2_000);
  assert.deepEqual(calls.slice(1), [
    'conntrack -L -p udp',
    'conntrack -D -p udp --orig-src 1.1.1.1 --orig-port-src 5 --orig-dst 10.96.0.30 --orig-port-dst 90',
  ]);
});

test('nothing is changed after the end', async () => {
  const { proxy, slices, scripts, settle } = await startProxy();
  proxy.stop();
  slices.put(buildSlice('web', ['10.244.0.2']));
  await settle(10);
  assert.equal(scripts.length, 1);
});
