import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** In namespaces of its own: nothing of this machine's network is touched. */
const script = `
import { execSync } from 'node:child_process';
import { layoutOf } from '${import.meta.resolve('../layout.ts')}';
import { findStrayRoute, makeNetwork, removeNetwork } from '${import.meta.resolve('./network.ts')}';
const sh = (command) => execSync(command, { encoding: 'utf8' });
sh('mount -t tmpfs tmpfs /run; ip link set lo up; ip link add vpn type bridge; ip link set vpn up');
const before = sh('ip route show table all; ip rule; ip -oneline link');
const layout = layoutOf({ name: 'a', slot: 64, egress: true });
await makeNetwork(layout);
const strays = [await findStrayRoute(layout)];
sh('ip rule add priority 100 lookup 200; ip route add default dev vpn table 200');
strays.push(await findStrayRoute(layout));
for (const range of [layout.nodeSubnet, layout.podSubnet, layout.serviceSubnet])
  sh('ip rule add to ' + range + ' lookup main priority 1');
strays.push(await findStrayRoute(layout));
sh('ip rule flush; ip rule add priority 32766 lookup main; ip rule add priority 32767 lookup default');
sh('ip route flush table 200');
await removeNetwork(layout);
console.log(JSON.stringify({ strays, before, after: sh('ip route show table all; ip rule; ip -oneline link') }));
`;

test('a rule of policy routing that comes before the cluster’s routes is found; all is removed', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, () => {
  const args = ['--net', '--mount', process.execPath, '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  assert.ok(stdout, stderr);
  const { strays, before, after } = JSON.parse(stdout);
  assert.deepEqual(strays, [null, '198.18.96.2 goes to vpn, not to k8ts64', null]);
  assert.equal(after, before);
});
