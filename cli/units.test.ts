import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyConfig } from './config/cluster-config.ts';
import { layoutOf } from './layout.ts';
import { planPki } from './pki/plan.ts';
import { apiServerNames, componentCommand, controlPlaneUnits, nodeUnits, ownFlagsOf } from './units.ts';

const program = { node: 'node', bundle: 'bundle' };
const trees = { version: 2 as const, hierarchies: [] };

test('what a configuration says is in the command of its component, after what the cluster says', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-units-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'tokens.csv');
  writeFileSync(file, '');
  const config = emptyConfig();
  config.extraArgs.apiserver.push({ name: 'token-auth-file', value: file, place: '' });
  config.extraArgs.apiserver.push({ name: 'anonymous-auth', value: 'false', place: '' });
  config.certSANs.push('api.example.com', '192.0.2.7');
  config.nodeLabels.tier = 'front';
  const layout = layoutOf({ name: 'a', slot: 0, egress: true, config });
  const unit = (name: string) => controlPlaneUnits({ layout, program, trees }).find((one) => one.name === name)!;
  assert.deepEqual(unit('apiserver').command.slice(-2), [`--token-auth-file=${file}`, '--anonymous-auth=false']);
  assert.ok(!unit('scheduler').command.join().includes('anonymous-auth'));
  assert.deepEqual(componentCommand({ layout, program }, 'apiserver').slice(-2), unit('apiserver').command.slice(-2));

  const { command, becomes } = unit('apiserver');
  const settings = ['env', 'MALLOC_MMAP_THRESHOLD_=131072', 'MALLOC_ARENA_MAX=1'];
  assert.deepEqual(command, [...settings, ...becomes!], 'how memory is kept stands before the command, and is gone');
  const { revision } = unit('apiserver');
  assert.equal(unit('apiserver').revision, revision);
  utimesSync(file, 1, 1);
  assert.notEqual(unit('apiserver').revision, revision, 'another file is another start');

  const node = nodeUnits({ layout, program, trees }, layout.nodes[0]!).find((one) => one.name === 'kubelet')!;
  assert.ok(node.command.join(' ').includes('--node-labels tier=front'));
  const serving = planPki(layout).certificates.find(({ commonName }) => commonName === 'kube-apiserver')!;
  assert.equal(serving.dnsNames!.at(-1), 'api.example.com');
  assert.equal(serving.addresses!.at(-1), '192.0.2.7');
});

test('a machine of many CPUs has more API servers, which share a port, unless they would share an audit log', () => {
  const audit = emptyConfig();
  audit.extraArgs.apiserver.push({ name: 'audit-log-path', value: '/var/log/audit.log', place: '' });
  const cases = [
    { cpus: 2, spec: {}, names: ['apiserver'] },
    { cpus: 4, spec: {}, names: ['apiserver', 'apiserver-2'] },
    { cpus: 16, spec: {}, names: ['apiserver', 'apiserver-2', 'apiserver-3'] },
    { cpus: 16, spec: { config: audit }, names: ['apiserver'] },
    { cpus: 16, spec: { apiServers: 1 }, names: ['apiserver'] },
    { cpus: 2, spec: { apiServers: 2 }, names: ['apiserver', 'apiserver-2'] },
  ];
  for (const { cpus, spec, names } of cases) {
    assert.deepEqual(apiServerNames(layoutOf({ name: 'a', slot: 0, egress: true, ...spec }), cpus), names);
  }
  for (const apiServers of [1, 2]) {
    const layout = layoutOf({ name: 'a', slot: 0, egress: true, apiServers });
    const units = controlPlaneUnits({ layout, program, trees }).filter(({ name }) => name.startsWith('apiserver'));
    assert.equal(new Set(units.map(({ liveness }) => JSON.stringify(liveness))).size, apiServers);
    assert.equal(new Set(units.map(({ logFile }) => logFile)).size, apiServers);
    for (const { command } of units) assert.equal(command.includes('--permit-port-sharing=true'), apiServers > 1);
  }
});

test('flags that only the cluster sets, and those that it has a value for', () => {
  const own = ownFlagsOf(layoutOf({ name: 'a', slot: 0, egress: true }), 'apiserver');
  for (const name of ['etcd-servers', 'secure-port', 'client-ca-file', 'health-port', 'check'])
    assert.ok(own.has(name));
  for (const name of ['service-node-port-range', 'audit-log-path']) assert.ok(!own.has(name));
});
