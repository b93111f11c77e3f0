// The tour of the README on a plain Debian 12: systemd, cgroup v2, AppArmor. Nothing of this machine is in it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../environment/kubectl.ts';
import { checkoutFolder, packCheckout, unpackCheckout } from './checkout.ts';
import { debian12, debianMirror, needsVm, vmImage } from './image.ts';
import { Vm } from './machine.ts';

const k8ts = `${checkoutFolder}/k8ts`;
const nodeGroup = '/sys/fs/cgroup/k8ts/k8ts/k8ts-control-plane';
const longMs = 600_000; // emulated, on a busy machine

const box = (name: string, command: string, spec: object = {}, container: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { ...spec, containers: [{ name: 'c', image: 'busybox:1.36', command: ['sh', '-c', command], ...container }] },
});
const untilTerm = 'trap "exit 0" TERM; sleep 3600 & wait';

test('the mirror is found in both formats of apt', () => {
  const mirror = 'http://deb.debian.org/debian';
  assert.equal(debianMirror(`deb [arch=amd64] ${mirror} bookworm main\n`), mirror);
  assert.equal(debianMirror(`Types: deb\nURIs: ${mirror}\nSuites: bookworm\n`), mirror);
  assert.equal(debianMirror('# deb http://a/debian x\ndeb http://archive.ubuntu.com/ubuntu noble main\n'), undefined);
});

describe('the tour on Debian 12', { skip: needsVm }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-tour-'));
  let vm: Vm;
  let tracesBefore: string;
  const kubectl = (args: string) => vm.get(`kubectl ${args}`);
  const apply = (manifest: object) => vm.get('kubectl apply -f -', { input: JSON.stringify(manifest) });
  const podStatus = async (name: string) => JSON.parse(await kubectl(`get pod ${name} -o json`)).status;
  /** What a cluster could leave on the machine. */
  const traces = () =>
    vm.get(`cat /sys/fs/cgroup/cgroup.subtree_control | tr ' ' '\\n' | sort; find /sys/fs/cgroup -path '*k8ts*'
      grep k8ts /proc/mounts; ip -o link | cut -d: -f2; nft list ruleset; ls -A /run/k8ts /var/lib/k8ts 2>/dev/null
      pgrep -af 'etcd|k8ts|crun|conmon' | grep -v pgrep; true`);

  before(async () => {
    const checkout = join(folder, 'checkout.tar');
    await packCheckout(checkout, ['busybox', 'nginx']);
    vm = await Vm.boot(vmImage(debian12), { disks: [checkout] });
    await unpackCheckout(vm, '/dev/vdb');
    assert.equal(await vm.get('stat -fc %T /sys/fs/cgroup'), 'cgroup2fs\n');
    tracesBefore = await traces();
  });
  after(async () => {
    await vm?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('up, and images are loaded', async () => {
    const told = await vm.get(`${k8ts} up --wait 300000`, { timeoutMs: longMs });
    assert.match(told, /^Creating cluster k8ts\n/);
    assert.match(told, /^Cluster k8ts is up /m);
    await vm.get(`cd ${checkoutFolder} && ./k8ts load image-archive .cache/images/*.tar`);
    assert.match(await kubectl('get nodes'), /^k8ts-control-plane +Ready +control-plane /m);
  });

  test('nginx: rolled out, exposed, scaled; its Service answers', async () => {
    await kubectl(`create -f ${checkoutFolder}/examples/nginx-deployment.yaml`);
    await kubectl('rollout status deployment/nginx-deployment --timeout=180s');
    await kubectl('expose deployment nginx-deployment --port 80');
    const address = (await kubectl('get service nginx-deployment -o jsonpath={.spec.clusterIP}')).trim();
    const page = await eventually('the service answers', () => vm.get(`curl -sf -m 20 http://${address}/`), 60_000);
    assert.match(page, /<title>Welcome to nginx!<\/title>/);
    await kubectl('scale deployment/nginx-deployment --replicas=3');
    await kubectl('rollout status deployment/nginx-deployment --timeout=180s');
  });

  test('logs, exec, and a name of the cluster', async () => {
    await apply(box('talker', `echo hello; ${untilTerm}`));
    await kubectl('wait --for=condition=Ready pod/talker --timeout=120s');
    assert.equal(await kubectl('logs talker'), 'hello\n');
    assert.match(await kubectl('exec talker -- wget -q -O - http://nginx-deployment/'), /Welcome to nginx/);
  });

  test('limits are in the files of control groups, and no process is in a group that has others below it', async () => {
    const limits = { cpu: '250m', memory: '64Mi' };
    await apply(box('limited', untilTerm, {}, { resources: { requests: { ...limits, memory: '32Mi' }, limits } }));
    await kubectl('wait --for=condition=Ready pod/limited --timeout=120s');
    const { containerStatuses } = await podStatus('limited');
    const id = containerStatuses[0].containerID.replace(/^.*\/\//, '');
    const group = (await vm.get(`find ${nodeGroup} -type d -name ${id}`)).trim();
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
    const values = (await vm.get(`cd ${group} && cat ${names.join(' ')}`)).trim().split('\n');
    assert.deepEqual(Object.fromEntries(names.map((name, i) => [name, values[i]])), want);
    assert.match(await vm.get(`cat ${group}/../cpu.max ${group}/../memory.max`), /^25000 100000\n67108864\n$/);
    const inner = `for d in $(find ${nodeGroup} -type d); do [ -z "$(ls -d $d/*/ 2>/dev/null)" ] || cat $d/cgroup.procs; done`;
    assert.equal(await vm.get(inner), '');
  });

  test('memory that runs out in a child ends its container as OOMKilled', async () => {
    const grow = "sh -c 'x=a; while true; do x=$x$x; done'; exit 0";
    await apply(box('hungry', grow, { restartPolicy: 'Never' }, { resources: { limits: { memory: '32Mi' } } }));
    const ended = await eventually(
      'it ends',
      async () => (await podStatus('hungry')).containerStatuses?.[0].state.terminated,
      120_000,
    );
    assert.deepEqual([ended.reason, ended.exitCode], ['OOMKilled', 137]);
  });

  test('a node that is killed boots again', async () => {
    const pidFile = '/run/k8ts/k8ts/node.pid';
    const pid = await vm.get(`cat ${pidFile}`);
    await vm.get(`kill -KILL ${pid}`);
    await eventually('it has a new first process', async () => (await vm.get(`cat ${pidFile}`)) !== pid, 60_000);
    await eventually(
      'its pods run anew',
      async () => (await podStatus('talker')).containerStatuses?.[0].restartCount === 1,
      180_000,
    );
    await kubectl('wait --for=condition=Ready pod/talker --timeout=120s');
    await eventually('all is well', async () => /^All is well\.$/m.test(await vm.get(`${k8ts} status`)), 60_000);
  });

  test('after a reboot of the machine, up starts the cluster that is there', async () => {
    await vm.reboot();
    const told = await vm.get(`${k8ts} up --wait 300000`, { timeoutMs: longMs });
    assert.match(told, /^Starting cluster k8ts\n/);
    await kubectl('rollout status deployment/nginx-deployment --timeout=240s');
    await kubectl('wait --for=condition=Ready pod/talker --timeout=120s');
    const address = (await kubectl('get service nginx-deployment -o jsonpath={.spec.clusterIP}')).trim();
    await eventually('the service answers', () => vm.get(`curl -sf -m 20 http://${address}/`), 60_000);
  });

  test('down leaves nothing', async () => {
    await vm.get(`${k8ts} down`);
    assert.equal(await traces(), tracesBefore);
  });
});
