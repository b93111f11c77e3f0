// A small machine with Debian's limits: 2 GiB of memory, 128 instances of inotify, 1024 open files, and sixty pods on one
// node. They run; and where the machine's limits are lower still, what is said names the limit.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { CheckedOut, upTimeoutMs } from '../vm/checked-out.ts';
import { checkoutFolder } from '../vm/checkout.ts';
import { debian12, needsVm } from '../vm/image.ts';

const podCount = 60;
const podsTimeoutMs = 1_200_000;
const instances = 'fs.inotify.max_user_instances';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'many' },
  spec: {
    replicas: podCount,
    selector: { matchLabels: { app: 'many' } },
    template: {
      metadata: { labels: { app: 'many' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', '36000'] }],
      },
    },
  },
};

describe('a small machine', { skip: needsVm }, () => {
  let machine: CheckedOut;
  before(async () => {
    machine = await CheckedOut.boot(debian12, ['busybox'], { memoryMib: 2048 });
  });
  after(() => machine?.[Symbol.asyncDispose]());

  /** As a login with these limits would run it. */
  const k8ts = (args: string) =>
    machine.vm.run(`umask 077 && ulimit -n 1024 && ${checkoutFolder}/k8ts ${args}`, { timeoutMs: upTimeoutMs });

  test('with limits that nothing can run under, up names them', async () => {
    await machine.vm.get(`sysctl -qw ${instances}=1`);
    // As in a container: nobody there may raise them.
    const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys';
    const command = `unshare --mount sh -c '${readOnly} && ${checkoutFolder}/k8ts up --wait 60000'`;
    const { code, stdout, stderr } = await machine.vm.run(command, { timeoutMs: upTimeoutMs });
    assert.match(stdout + stderr, /max_user_instances is 1, too low for many pods, and cannot be raised here/);
    assert.notEqual(code, 0);
    await k8ts('down');
    await machine.vm.get(`sysctl -qw ${instances}=128`);
  });

  test(`${podCount} pods run, their logs can be followed, and all is well`, async () => {
    assert.equal((await machine.vm.get(`sysctl -n ${instances}`)).trim(), '128');
    const { code, stdout, stderr } = await k8ts('up --wait 15m');
    assert.equal(code, 0, stdout + stderr);
    await machine.vm.get(`cd ${checkoutFolder} && ./k8ts load image-archive .cache/images/*.tar`);
    await machine.vm.get('kubectl create -f -', { input: JSON.stringify(deployment) });
    const ready = async () => {
      const { stdout: count } = await machine.vm.run('kubectl get deployment many -o jsonpath={.status.readyReplicas}');
      return Number(count) === podCount;
    };
    await eventually('all pods are ready', ready, podsTimeoutMs);
    const restarts = await machine.kubectl('get pods -o jsonpath={.items[*].status.containerStatuses[*].restartCount}');
    assert.deepEqual(new Set(restarts.split(' ')), new Set(['0']));
    assert.match(await machine.kubectl('exec deploy/many -- echo hello'), /^hello$/m);
    const inherited = "exec deploy/many -- sh -c 'umask; ulimit -n; ulimit -Hn'";
    assert.equal(await machine.kubectl(inherited), '0022\n1048576\n1048576\n');
    assert.match((await k8ts('status')).stdout, /^All is well\.$/m);
    assert.match((await k8ts('down')).stdout, /is removed/);
    assert.deepEqual((await machine.traces()).match(/k8ts/g), null);
    assert.equal((await machine.vm.get(`sysctl -n ${instances}`)).trim(), '128', 'what was raised is put back');
    assert.doesNotMatch(await machine.vm.get('cat /sys/kernel/security/apparmor/profiles'), /k8ts/);
  });
});
