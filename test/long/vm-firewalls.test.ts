// A Debian 12 with the firewalls that people have: on before `up`, switched on later, loaded anew. The cluster works,
// pods get out, and `down` leaves every rule as it was.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { CheckedOut, shellPod, untilTerm, upTimeoutMs } from '../vm/checked-out.ts';
import { checkoutFolder } from '../vm/checkout.ts';
import { needsVm, withFirewalls } from '../vm/image.ts';

const world = '192.0.2.2';

describe('firewalls on Debian 12', { skip: needsVm }, () => {
  let machine: CheckedOut;

  /** The rules of IPv4, without what counts packets. */
  const rules = async () =>
    (await machine.vm.get('nft list ruleset ip; nft list ruleset inet')).replaceAll(/ packets \d+ bytes \d+/g, '');

  const talker = (script: string) => machine.vm.run(`kubectl exec talker -- sh -c '${script}'`);
  const podGetsOut = async () => (await talker(`echo | nc -w 10 ${world} 80`)).stdout === 'the world\n';
  const podAsksApi = async () => (await talker('echo | nc -w 10 kubernetes.default 443')).code === 0;
  const isWell = async () => {
    const status = await machine.vm.run(`${checkoutFolder}/k8ts status`);
    return /^All is well\.$/m.test(status.stdout) && (await podGetsOut()) && (await podAsksApi());
  };
  const upWithPod = async () => {
    await machine.up();
    await machine.runPod(shellPod('talker', untilTerm));
  };

  before(async () => {
    machine = await CheckedOut.boot(withFirewalls, ['busybox']);
    await machine.vm.get(`set -e
      ip netns add world
      ip link add world0 type veth peer name eth0 netns world
      ip address add 192.0.2.1/24 dev world0
      ip link set world0 up
      ip -netns world address add ${world}/24 dev eth0
      ip -netns world link set eth0 up
      systemd-run --quiet --unit=world ip netns exec world \\
        socat TCP-LISTEN:80,fork,reuseaddr 'SYSTEM:echo the world'`);
  });
  after(() => machine?.[Symbol.asyncDispose]());

  test('firewalld, on before up and loaded anew', async () => {
    await machine.vm.get('systemctl start firewalld');
    const loaded = async () => (await machine.vm.run('firewall-cmd --state')).code === 0;
    await eventually('its rules are loaded', loaded, upTimeoutMs);
    const rulesBefore = await rules();
    assert.match(rulesBefore, /chain filter_INPUT/);
    await upWithPod();
    await eventually('all is well', isWell, upTimeoutMs);
    await machine.vm.get('firewall-cmd --reload');
    await eventually('all is well after a reload', isWell, upTimeoutMs);
    await machine.k8ts('down');
    assert.equal(await rules(), rulesBefore);
    await machine.vm.get('systemctl stop firewalld');
  });

  test('ufw on before up, Docker started after it', async () => {
    await machine.vm.get('ufw allow 22/tcp && ufw --force enable');
    const rulesBefore = await rules();
    assert.match(rulesBefore, /chain INPUT \{\s*type filter hook input priority filter; policy drop;/);
    await upWithPod();
    await eventually('all is well', isWell, upTimeoutMs);
    await machine.vm.get('ufw reload');
    await eventually('all is well after a reload', isWell, upTimeoutMs);
    // Docker drops what is forwarded where it was Docker that switched forwarding on.
    await machine.vm.get('ufw disable && sysctl -qw net.ipv4.ip_forward=0 && systemctl start docker');
    assert.match(await machine.vm.get('iptables -S FORWARD'), /^-P FORWARD DROP$/m);
    await eventually('all is well with Docker', isWell, upTimeoutMs);
    await machine.k8ts('down');
    assert.doesNotMatch(await machine.vm.get('iptables -S'), /k8ts/, 'iptables finds its tables in order');
  });

  test('Docker there before up, ufw switched on after it', async () => {
    const rulesBefore = await rules();
    assert.match(rulesBefore, /chain FORWARD \{\s*type filter hook forward priority filter; policy drop;/);
    await upWithPod();
    await eventually('all is well', isWell, upTimeoutMs);
    await machine.vm.get('ufw --force enable');
    await eventually('all is well with ufw', isWell, upTimeoutMs);
    await machine.vm.get('ufw disable');
    await machine.k8ts('down');
    assert.doesNotMatch(await rules(), /k8ts/);
  });
});
