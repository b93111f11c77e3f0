// What stands after a node was killed, after the machine was rebooted, and in a container that has its control groups
// to itself; on a Debian 12.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { CheckedOut, shellPod, untilTerm, upTimeoutMs } from '../vm/checked-out.ts';
import { checkoutFolder } from '../vm/checkout.ts';
import { debian12, needsVm } from '../vm/image.ts';

describe('a cluster on Debian 12', { skip: needsVm }, () => {
  let machine: CheckedOut;
  before(async () => {
    machine = await CheckedOut.boot(debian12, ['busybox']);
  });
  after(() => machine?.[Symbol.asyncDispose]());

  // As a container runtime starts one: a control group namespace whose root holds the container's processes.
  test('where the root of control groups holds processes, they step aside and come back', async () => {
    const script = `set -e
      mkdir /sys/fs/cgroup/box && echo $$ >/sys/fs/cgroup/box/cgroup.procs
      exec unshare --cgroup --mount --propagation private bash -euc '
        umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
        ls -A /sys/fs/cgroup >/tmp/before
        ${checkoutFolder}/k8ts up --wait 15m >/dev/null
        [ -z "$(cat /sys/fs/cgroup/cgroup.procs)" ]
        kubectl get nodes
        ${checkoutFolder}/k8ts down
        grep -qx $$ /sys/fs/cgroup/cgroup.procs
        [ -z "$(cat /sys/fs/cgroup/cgroup.subtree_control)" ]
        ls -A /sys/fs/cgroup | diff /tmp/before -'`;
    const told = await machine.vm.get('bash -s', { input: script, timeoutMs: upTimeoutMs });
    assert.match(told, /k8ts-control-plane +Ready/);
    assert.match(told, /is removed/);
  });

  test('a node that is killed boots again', async () => {
    await machine.up();
    await machine.runPod(shellPod('talker', untilTerm));
    const pidFile = '/run/k8ts/k8ts/node.pid';
    const pid = await machine.vm.get(`cat ${pidFile}`);
    await machine.vm.get(`kill -KILL ${pid}`);
    const changed = async () => (await machine.vm.get(`cat ${pidFile}`)) !== pid;
    await eventually('it has a new first process', changed, upTimeoutMs);
    const restarts = async () => (await machine.podStatus('talker')).containerStatuses?.[0].restartCount;
    await eventually('its pods run anew', async () => (await restarts()) === 1, upTimeoutMs);
    const isWell = async () => /^All is well\.$/m.test((await machine.vm.run(`${checkoutFolder}/k8ts status`)).stdout);
    await eventually('all is well', isWell, upTimeoutMs);
  });

  test('after a reboot, up starts the cluster that is there, with its pods', async () => {
    await machine.vm.reboot();
    assert.match(await machine.k8ts('up --wait 15m'), /^Starting cluster k8ts\n/);
    await machine.kubectl('wait --for=condition=Ready pod/talker --timeout=900s');
    assert.equal((await machine.podStatus('talker')).containerStatuses[0].restartCount, 2);
  });
});
