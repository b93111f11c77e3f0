// Who looks after the processes of a cluster: those that hang are started again, the supervisor comes back by itself,
// and nobody's process is taken for ours because of the command line it bears.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadCluster } from '../../../cli/cluster-store.ts';
import { readCgroups } from '../../../cli/host/cgroups.ts';
import { findProcess, isAlive, isStopped } from '../../../cli/host/processes.ts';
import { defaultRoots } from '../../../cli/layout.ts';
import { nodeCommand } from '../../../cli/nodes/boot-script.ts';
import { commandOf } from '../../../cli/supervisor/plan.ts';
import { controlPlaneUnits } from '../../../cli/units.ts';
import { eventually } from '../../environment/kubectl.ts';
import { k8ts, needsRoot, projectRoot, type TestCluster, testCluster } from './k8ts-command.ts';

/** Three failed checks, one after the other, instead of eight in 80 s. */
const impatient = { K8TS_LIVENESS: 'periodMs=1000,timeoutMs=3000,failures=3' };
const longWaitMs = 180_000;

const bringUp = (cluster: TestCluster) =>
  k8ts(['up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig], { env: impatient });

/** Waits until a component runs under another pid and all is well. */
function wellAgain(cluster: TestCluster, component: string, before: number): Promise<true> {
  const look = () => {
    const { components, ready } = cluster.status();
    const pid = components.find((one) => one.name === component)?.pid;
    return (pid && pid !== before && ready) || undefined;
  };
  return eventually(`${component} runs again`, look, longWaitMs);
}

describe('supervision', { skip: needsRoot }, () => {
  test('a process that a signal stops is started again, whichever it is, and nothing acknowledged is lost', async () => {
    using cluster = testCluster('hung');
    const up = bringUp(cluster);
    assert.equal(up.code, 0, up.stderr);
    const kubectl = (...args: string[]) =>
      spawnSync('kubectl', ['--kubeconfig', cluster.kubeconfig, ...args], { encoding: 'utf8' });
    const node = cluster.pidOf('node');
    const acknowledged: string[] = [];
    const victims = ['kubelet', 'runtime', 'proxy', 'scheduler', 'controllers', 'apiserver', 'etcd', 'supervisor'];
    for (const victim of victims) {
      const name = `before-${victim}`;
      if (kubectl('create', 'configmap', name).status === 0) acknowledged.push(name);
      const pid = cluster.pidOf(victim);
      process.kill(pid, 'SIGSTOP');
      await wellAgain(cluster, victim, pid);
      const log = readFileSync(`/var/lib/k8ts/${cluster.name}/logs/${victim}.log`, 'utf8');
      assert.match(log, victim === 'supervisor' ? /the supervisor has been silent/ : /was stopped by a signal/);
    }
    process.kill(node, 'SIGSTOP');
    const first = findProcess(node)!;
    await eventually('pid 1 of the node goes on', () => !isStopped(first) || undefined, longWaitMs);
    assert.equal(cluster.pidOf('node'), node);
    assert.equal(acknowledged.length, victims.length);
    const there = kubectl('get', 'configmaps', '-o', 'name').stdout;
    for (const name of acknowledged) assert.ok(there.includes(`configmap/${name}`), name);
  });

  test('a process whose event loop hangs is started again, and its log says where it hung', async () => {
    using cluster = testCluster('loop');
    const up = bringUp(cluster);
    assert.equal(up.code, 0, up.stderr);
    const pid = cluster.pidOf('scheduler');
    const logFile = `/var/lib/k8ts/${cluster.name}/logs/scheduler.log`;
    await hangEventLoop(pid, logFile);
    await wellAgain(cluster, 'scheduler', pid);
    const log = readFileSync(logFile, 'utf8');
    // Three, and more where it had to wait for a CPU.
    assert.match(log, /scheduler does not answer \(([3-9]|\d{2,}) checks in a row failed\) and is killed/);
    assert.match(log, /it hangs at\n +at hangForTest \(/);
  });

  test('a kubelet that was stopped for a moment and is killed later starts again', async () => {
    using cluster = testCluster('pause');
    assert.equal(cluster.run('up').code, 0);
    const pid = cluster.pidOf('kubelet');
    process.kill(pid, 'SIGSTOP');
    await eventually('it is stopped', () => isStopped(findProcess(pid)!) || undefined);
    process.kill(pid, 'SIGCONT');
    process.kill(pid, 'SIGKILL');
    await wellAgain(cluster, 'kubelet', pid);
    assert.ok(!existsSync(`/proc/${pid}`), 'no zombie is left');
  });

  test('status names what hangs, and up starts it again at once', () => {
    using cluster = testCluster('mend');
    assert.equal(cluster.run('up').code, 0);
    const victims = ['apiserver', 'kubelet', 'supervisor'];
    for (const victim of victims) process.kill(cluster.pidOf(victim), 'SIGSTOP');
    const { ready, problems, components } = cluster.status();
    assert.ok(!ready);
    for (const victim of victims) {
      assert.ok(problems.includes(`${victim} was stopped by a signal`), problems.join('\n'));
      assert.equal(components.find((one) => one.name === victim)!.state, 'not answering');
    }
    const up = cluster.run('up');
    assert.equal(up.code, 0, up.stderr);
    assert.match(up.stdout, /apiserver was stopped by a signal: starting it again/);
    assert.deepEqual(cluster.status().problems, []);
  });

  test('a supervisor that was killed comes back by itself, and so does what brings it back', async () => {
    using cluster = testCluster('keeper');
    assert.equal(cluster.run('up').code, 0);
    const etcd = cluster.pidOf('etcd');
    for (let i = 0; i < 2; i++) {
      const pid = cluster.pidOf('supervisor');
      process.kill(pid, 'SIGKILL');
      await wellAgain(cluster, 'supervisor', pid);
    }
    assert.equal(cluster.pidOf('etcd'), etcd, 'the others have not noticed');
    for (const name of ['etcd', 'supervisor']) assert.match(groupOf(cluster.pidOf(name)), groupsOf(cluster.name));
    assert.equal(sessionOf(cluster.pidOf('supervisor')), cluster.pidOf('supervisor'));
  });

  test('processes that bear the command lines of components are neither adopted, nor killed, nor reported', async () => {
    using cluster = testCluster('alike');
    const { name } = cluster;
    // A slot is chosen, and given to the same name again: then the command lines are known in advance.
    assert.equal(cluster.run('up').code, 0);
    const layout = loadCluster(name, defaultRoots)!;
    assert.equal(cluster.run('down', '--keep-data').code, 0);
    const program = { node: componentNode(), bundle: join(projectRoot, 'dist/bin/k8ts.mjs') };
    const scheduler = controlPlaneUnits({ layout, program, trees: readCgroups() }).at(-1)!;
    using lookAlikes = startLookAlikes(program.bundle, [commandOf(scheduler), nodeCommand(layout, layout.nodes[0]!)]);
    await lookAlikes.started;
    assert.deepEqual(
      cluster.status().components.filter((one) => one.pid !== null),
      [],
    );
    const up = cluster.run('up');
    assert.equal(up.code, 0, up.stderr);
    const pids = cluster.status().components.map((one) => one.pid!);
    for (const ref of lookAlikes.refs) assert.ok(!pids.includes(ref.pid), 'taken for a component');
    process.kill(cluster.pidOf('supervisor'), 'SIGKILL');
    process.kill(cluster.pidOf('scheduler'), 'SIGKILL');
    assert.equal(cluster.run('up').code, 0);
    assert.deepEqual(cluster.status().problems, []);
    assert.equal(cluster.run('down').code, 0);
    for (const ref of lookAlikes.refs) assert.ok(isAlive(ref), 'killed');
  });
});

/** Lets a component run into a loop that does not end, by its own inspector, which is closed again. */
async function hangEventLoop(pid: number, logFile: string): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  const url = await eventually(
    'its inspector listens',
    () => /Debugger listening on (ws:\S+)\s/.exec(readFileSync(logFile, 'utf8'))?.[1],
  );
  const code = `setTimeout(function hangForTest() {
    process.getBuiltinModule('inspector').close();
    for (let i = 0; ; i++) globalThis.i = i;
  }, 100)`;
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onerror = reject;
    socket.onopen = () =>
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: code } }));
    socket.onmessage = resolve;
  });
  socket.close();
}

const groupOf = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8');
const groupsOf = (name: string) => new RegExp(`:/k8ts/${name}/(supervisor|control-plane)$`, 'm');
const sessionOf = (pid: number) => Number(/\) (?:\S+ ){3}(\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))![1]);

/** The Node.js that the launcher runs components with. */
function componentNode(): string {
  const pinned = join(projectRoot, `node_modules/node-linux-${process.arch}/bin/node`);
  return existsSync(pinned) ? pinned : process.execPath;
}

interface LookAlikes extends Disposable {
  refs: { pid: number; startTicks: number }[];
  started: Promise<void>;
}

/** Starts processes with these very command lines. What they run is another program, put in the bundle's place. */
function startLookAlikes(bundle: string, commands: readonly string[][]): LookAlikes {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-alike-'));
  const idle = join(dir, 'idle.mjs');
  writeFileSync(idle, 'setInterval(() => {}, 1_000);\n');
  const place = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const children = commands.map((command): ChildProcess => {
    const [file = '', ...args] = command;
    // A node's first process is another program under a name of its own.
    if (args.length === 1) return spawn('catatonit', args, { argv0: file, stdio: 'ignore' });
    const inPlace = ['--mount', 'sh', '-c', place, 'sh', idle, bundle, ...command];
    return spawn('unshare', inPlace, { stdio: 'ignore' });
  });
  const look = () => children.every((child, i) => cmdline(child.pid!) === commands[i]!.join('\0')) || undefined;
  return {
    refs: children.map((child) => findProcess(child.pid!)!),
    started: eventually('they bear the names', look).then(() => undefined),
    [Symbol.dispose]() {
      for (const child of children) child.kill('SIGKILL');
      rmSync(dir, { recursive: true });
    },
  };
}

const cmdline = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '');
