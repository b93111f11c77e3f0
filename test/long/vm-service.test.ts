// Who may end a cluster on a machine with systemd: not the login and not the service that started it; the machine's
// shutdown does, in order, and an installed cluster is there again after it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { CheckedOut, upTimeoutMs } from '../vm/checked-out.ts';
import { checkoutFolder } from '../vm/checkout.ts';
import { debian12, needsVm } from '../vm/image.ts';

const withSudo = { ...debian12, packages: [...debian12.packages, 'sudo'] };
const launcher = `${checkoutFolder}/k8ts`;

describe('a cluster under systemd', { skip: needsVm }, () => {
  let machine: CheckedOut;
  before(async () => {
    machine = await CheckedOut.boot(withSudo, []);
    await machine.vm.get(`echo 'user ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/user
      mkdir -p /etc/systemd/logind.conf.d
      printf '[Login]\\nKillUserProcesses=yes\\n' >/etc/systemd/logind.conf.d/kill.conf
      systemctl restart systemd-logind`);
  });
  after(() => machine?.[Symbol.asyncDispose]());

  const supervisor = () => machine.vm.get('cat /run/k8ts/k8ts/supervisor.pid');
  const isWell = async () => {
    const { code, stdout } = await machine.vm.run(`${launcher} status`);
    return code === 0 ? stdout : undefined;
  };

  test('sudo by an ordinary user: their kubectl works, and their logout ends nothing', async () => {
    const asUser = { user: 'user', timeoutMs: upTimeoutMs } as const;
    await machine.vm.get(`sudo ${launcher} up --wait 15m`, asUser);
    assert.equal(
      await machine.vm.get('stat -c "%U %G %a" ~user/.kube ~user/.kube/config'),
      'user user 755\nuser user 600\n',
    );
    assert.match(await machine.vm.get('kubectl get nodes', asUser), /k8ts-control-plane +Ready/);
    const before = await supervisor();
    assert.match(await machine.vm.get('loginctl list-sessions --no-legend'), / user /);
    await machine.vm.get('loginctl terminate-user user');
    await eventually('the user is logged out', async () => {
      const sessions = await machine.vm.get('loginctl list-sessions --no-legend');
      return !/ user /.test(sessions) || undefined;
    });
    assert.equal(await supervisor(), before);
    assert.match(await machine.k8ts('status'), /All is well/);
  });

  test('the end of the service that started it ends nothing', async () => {
    await machine.k8ts('down');
    await machine.vm.get(`systemd-run --quiet --unit starter --remain-after-exit ${launcher} up --wait 15m`);
    // All may be well a moment before `up` is over, which takes back what it has begun when it is ended.
    const state = () => machine.vm.get('systemctl show -P SubState starter');
    await eventually('it is up', async () => (await state()) === 'exited\n' && (await isWell()), upTimeoutMs);
    const before = await supervisor();
    assert.match(await machine.vm.get(`cat /proc/${before.trim()}/cgroup`), /^0::\/k8ts\/k8ts\/supervisor$/m);
    await machine.vm.get('systemctl stop starter');
    assert.equal(await supervisor(), before);
    assert.match(await machine.k8ts('status'), /All is well/);
  });

  test('installed, it comes back after a reboot with what was in it', async () => {
    const told = await machine.k8ts('install');
    assert.match(told, /k8ts-k8ts\.service and comes back after a reboot/);
    assert.equal(
      await machine.vm.get('systemctl is-enabled k8ts-k8ts; systemctl is-active k8ts-k8ts'),
      'enabled\nactive\n',
    );
    assert.equal(await machine.vm.get('systemd-analyze verify k8ts-k8ts.service 2>&1'), '');
    await machine.kubectl('create configmap kept --from-literal=a=b');
    await machine.vm.reboot();
    await eventually('it is up', isWell, upTimeoutMs);
    assert.equal(await machine.kubectl('get configmap kept -o jsonpath={.data.a}'), 'b');
  });

  test('its service ends and starts it, and knows what is done by hand', async () => {
    const state = async () => (await machine.vm.run('systemctl is-active k8ts-k8ts')).stdout.trim();
    assert.equal(
      await eventually('the service has started', async () => (await state()) === 'active' || undefined),
      true,
    );
    await machine.vm.get('systemctl stop k8ts-k8ts', { timeoutMs: upTimeoutMs });
    assert.equal((await machine.vm.run('ls /run/k8ts/k8ts')).code, 2);
    await machine.vm.get('systemctl start k8ts-k8ts', { timeoutMs: upTimeoutMs });
    assert.match(await machine.k8ts('status'), /All is well/);
    assert.match(await machine.k8ts('down --keep-data'), /k8ts-k8ts\.service is stopped; it starts the cluster again/);
    assert.equal(await state(), 'inactive');
    assert.match(await machine.k8ts('down'), /k8ts-k8ts\.service is removed/);
    assert.equal((await machine.vm.run('systemctl cat k8ts-k8ts')).code, 1);
    assert.match(await machine.k8ts('uninstall'), /is not installed/);
  });
});
