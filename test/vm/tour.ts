// The tour of the README on a plain Debian: systemd, cgroup v2, AppArmor. Nothing of this machine is in it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { CheckedOut, shellPod, untilTerm, upTimeoutMs } from './checked-out.ts';
import { checkoutFolder } from './checkout.ts';
import { type ImageRecipe, needsVm } from './image.ts';

const nodeGroup = '/sys/fs/cgroup/k8ts/k8ts/k8ts-control-plane';

/** The tour on a machine of a recipe. */
export function describeTour(name: string, recipe: ImageRecipe, needs = needsVm): void {
  describe(`the tour on ${name}`, { skip: needs }, () => {
    let machine: CheckedOut;
    let tracesBefore: string;

    before(async () => {
      machine = await CheckedOut.boot(recipe, ['busybox', 'nginx']);
      assert.equal(await machine.vm.get('stat -fc %T /sys/fs/cgroup'), 'cgroup2fs\n');
      tracesBefore = await machine.traces();
    });
    after(() => machine?.[Symbol.asyncDispose]());

    test('up, and images are loaded', async (t) => {
      const told = await machine.up();
      for (const line of told.trimEnd().split('\n')) t.diagnostic(line);
      assert.match(told, /^Creating cluster k8ts\n/);
      assert.match(told, /^Cluster k8ts is up /m);
      // Debian's is spent by the containers of fifty pods.
      assert.match(told, /^Raised fs\.inotify\.max_user_instances from 128 to 8192/m);
      assert.match(await machine.kubectl('get nodes'), /^k8ts-control-plane +Ready +control-plane /m);
    });

    test('nginx: rolled out, exposed, scaled; its Service answers', async () => {
      await machine.kubectl(`create -f ${checkoutFolder}/examples/nginx-deployment.yaml`);
      await machine.kubectl('rollout status deployment/nginx-deployment --timeout=900s');
      await machine.kubectl('expose deployment nginx-deployment --port 80');
      const page = await eventually('the service answers', () => machine.fetch('nginx-deployment'), upTimeoutMs);
      assert.match(page, /<title>Welcome to nginx!<\/title>/);
      await machine.kubectl('scale deployment/nginx-deployment --replicas=3');
      await machine.kubectl('rollout status deployment/nginx-deployment --timeout=900s');
    });

    test('logs, exec, and a name of the cluster', async () => {
      await machine.runPod(shellPod('talker', `echo hello; ${untilTerm}`));
      assert.equal(await machine.kubectl('logs talker'), 'hello\n');
      assert.match(await machine.kubectl('exec talker -- wget -q -O - http://nginx-deployment/'), /Welcome to nginx/);
    });

    test('limits are in the files of control groups, and no process is in a group that has others below it', async () => {
      const limits = { cpu: '250m', memory: '64Mi' };
      const resources = { requests: { ...limits, memory: '32Mi' }, limits };
      await machine.runPod(shellPod('limited', untilTerm, {}, { resources }));
      const { containerStatuses } = await machine.podStatus('limited');
      const id = containerStatuses[0].containerID.replace(/^.*\/\//, '');
      const group = (await machine.vm.get(`find ${nodeGroup} -type d -name ${id}`)).trim();
      const want: Record<string, string> = {
        'cpu.max': '25000 100000',
        'cpu.weight': '35',
        'memory.max': String(64 << 20),
        'memory.swap.max': '0',
        'memory.min': '0',
        'memory.high': 'max',
        'memory.oom.group': '1',
        'pids.max': 'max',
      };
      const names = Object.keys(want);
      const values = (await machine.vm.get(`cd ${group} && cat ${names.join(' ')}`)).trim().split('\n');
      assert.deepEqual(Object.fromEntries(names.map((name, i) => [name, values[i]])), want);
      assert.equal(await machine.vm.get(`cd ${group}/.. && cat cpu.max memory.max`), '25000 100000\n67108864\n');
      const inInner = `for dir in $(find ${nodeGroup} -type d); do
        [ -z "$(ls -d $dir/*/ 2>/dev/null)" ] || cat $dir/cgroup.procs
      done`;
      assert.equal(await machine.vm.get(inInner), '');
    });

    test('a pod sees its own control group alone, and can change neither that nor a setting of the kernel', async () => {
      const inside = (script: string) => machine.vm.run(`kubectl exec limited -- sh -c '${script}'`);
      const { stdout } = await inside('cat /proc/self/cgroup /sys/fs/cgroup/memory.max; cd /sys/fs/cgroup && ls -d */');
      assert.equal(stdout, `0::/\n${64 << 20}\n`);
      const mounts = (await inside('cat /proc/mounts')).stdout;
      for (const path of ['/sys', '/sys/fs/cgroup', '/proc/sys'])
        assert.match(mounts, new RegExp(`^\\S+ ${path} \\S+ ro[, ]`, 'm'), path);
      const attempts = [
        'mkdir /sys/fs/cgroup/own',
        'echo max >/sys/fs/cgroup/memory.max',
        'echo 0 >/sys/fs/cgroup/cgroup.procs',
        'echo 1 >/proc/sys/vm/overcommit_memory',
        'mount -o remount,rw /sys/fs/cgroup',
      ];
      for (const attempt of attempts) {
        const { code, stderr } = await inside(attempt);
        assert.notEqual(code, 0, attempt);
        assert.match(stderr, /Read-only file system|[Pp]ermission denied/, attempt);
      }
    });

    test('memory that runs out in a child ends its container as OOMKilled', async () => {
      const grow = "sh -c 'x=a; while true; do x=$x$x; done'; exit 0";
      const hungry = shellPod(
        'hungry',
        grow,
        { restartPolicy: 'Never' },
        { resources: { limits: { memory: '32Mi' } } },
      );
      await machine.vm.get('kubectl apply -f -', { input: JSON.stringify(hungry) });
      const ended = await eventually(
        'it ends',
        async () => (await machine.podStatus('hungry')).containerStatuses?.[0].state.terminated,
        upTimeoutMs,
      );
      assert.deepEqual([ended.reason, ended.exitCode], ['OOMKilled', 137]);
    });

    test('a pod has a user namespace of its own, or the node says that it cannot', async () => {
      const [major = 0, minor = 0] = (await machine.vm.get('uname -r')).split('.').map(Number);
      const canMapTmpfs = major > 6 || (major === 6 && minor >= 3);
      const node = JSON.parse(await machine.kubectl('get node k8ts-control-plane -o json'));
      const says = node.status.runtimeHandlers.map((handler: any) => handler.features.userNamespaces === true);
      assert.deepEqual([...new Set(says)], [canMapTmpfs]);
      const pod = shellPod('mapped', `cat /proc/self/uid_map; ${untilTerm}`, { hostUsers: false });
      if (canMapTmpfs) {
        await machine.runPod(pod);
        assert.match(await machine.kubectl('logs mapped'), /^ +0 +[1-9]\d+ +65536\n$/);
        return;
      }
      await machine.vm.get('kubectl apply -f -', { input: JSON.stringify(pod) });
      const isTold = async () => (await machine.kubectl('get events')).includes('does not support user namespaces');
      await eventually('it is told why', isTold, upTimeoutMs);
    });

    test('a privileged pod cannot open a disk of the host', async () => {
      await machine.runPod(shellPod('privileged', untilTerm, {}, { securityContext: { privileged: true } }));
      const numbers = (await machine.vm.get('lsblk -rndo MAJ:MIN /dev/vdb')).trim().replace(':', ' ');
      assert.equal(await machine.vm.get('head -c 4 /dev/vdb | wc -c'), '4\n', 'the host can');
      const { code, stderr } = await machine.vm.run(
        `kubectl exec privileged -- sh -c 'busybox mknod /disk b ${numbers} && head -c 4 /disk'`,
      );
      assert.notEqual(code, 0);
      assert.match(stderr, /Operation not permitted/);
    });

    test('status says that all is well; down leaves nothing', async () => {
      assert.match(await machine.k8ts('status'), /^All is well\.$/m);
      await machine.k8ts('down');
      assert.equal(await machine.traces(), tracesBefore);
    });
  });
}
