// A cluster's life as its user sees it: up, up again, crashes of its processes, down without a trace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { loadCluster } from '../../../cli/cluster-store.ts';
import { findProcess } from '../../../cli/host/processes.ts';
import { defaultRoots } from '../../../cli/layout.ts';
import { realClock } from '../../../machinery/clock.ts';
import { eventually } from '../../environment/kubectl.ts';
import { forwarding, tracesOf } from './host-snapshot.ts';
import { needsRoot, projectRoot, type TestCluster, testCluster } from './k8ts-command.ts';

const layoutFor = (cluster: TestCluster) => loadCluster(cluster.name, defaultRoots)!;

/** Waits until a component runs under another pid. */
async function restarted(cluster: TestCluster, component: string, before: number): Promise<number> {
  const deadline = realClock.monotonicMs() + 10_000;
  for (;;) {
    const file = `/run/k8ts/${cluster.name}/${component}.pid`;
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    if (pid !== 0 && pid !== before && findProcess(pid)) return pid;
    assert.ok(realClock.monotonicMs() < deadline, `${component} was not started again`);
    await realClock.sleep(20);
  }
}

/** What a component's port says to somebody it does not know. */
async function answerOf(port: number, path: string): Promise<string> {
  const [response] = await once(get({ host: '127.0.0.1', port, path, rejectUnauthorized: false }), 'response');
  const text = (await response.toArray()).join('');
  return `${response.statusCode} ${text}`;
}

describe('a cluster', { skip: needsRoot }, () => {
  test('comes up, is found well by a second up, and goes without a trace', async () => {
    const forwardingBefore = forwarding();
    using cluster = testCluster('life');
    const first = cluster.run('up');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /is up \(/);
    const { bridge, ports } = layoutFor(cluster);
    for (const port of [ports.controllersSecure, ports.schedulerSecure]) {
      assert.equal(await answerOf(port, '/healthz'), '200 ok');
      assert.match(await answerOf(port, '/metrics'), /^403 .*system:anonymous/s);
    }
    const second = cluster.run('up');
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /All is well/);
    const status = cluster.status();
    assert.deepEqual(status.problems, []);
    for (const component of status.components) {
      assert.equal(component.restarts, 0, component.name);
      assert.ok(existsSync(component.log), component.log);
      assert.equal(cluster.pidOf(component.name), component.pid);
    }
    assert.match(readFileSync(cluster.kubeconfig, 'utf8'), new RegExp(`current-context: k8ts-${cluster.name}`));
    assert.equal(cluster.run('down').code, 0);
    assert.deepEqual(tracesOf(cluster.name, bridge), []);
    assert.equal(forwarding(), forwardingBefore);
    assert.doesNotMatch(readFileSync(cluster.kubeconfig, 'utf8'), new RegExp(cluster.name));
    const again = cluster.run('down');
    assert.equal(again.code, 0);
    assert.match(again.stdout, /There is no cluster/);
  });

  test('runs the newest build after an up, each component once', () => {
    using cluster = testCluster('rebuilt');
    assert.equal(cluster.run('up').code, 0);
    const pids = () => new Map(cluster.status().components.map(({ name, pid }) => [name, pid]));
    const before = pids();
    const now = new Date();
    utimesSync(join(projectRoot, 'dist/bin/k8ts.mjs'), now, now);
    assert.equal(cluster.run('up').code, 0);
    const status = cluster.status();
    assert.deepEqual(status.problems, []);
    for (const { name, pid, restarts } of status.components) {
      assert.equal(restarts, 0, name);
      const ours = !['etcd', 'node'].includes(name);
      assert.equal(pid !== before.get(name), ours, `${name}: ${before.get(name)}, then ${pid}`);
    }
    const after = pids();
    assert.match(cluster.run('up').stdout, /All is well/);
    assert.deepEqual(pids(), after);
  });

  test('its node asks the name servers that the host has come to have, after an up', () => {
    using cluster = testCluster('resolv');
    assert.equal(cluster.run('up').code, 0);
    const before = new Map(cluster.status().components.map(({ name, pid }) => [name, pid]));
    const file = join(dirname(cluster.kubeconfig), 'resolv.conf');
    writeFileSync(file, 'nameserver 192.0.2.53\nnameserver 127.0.0.53\n');
    // In a mount namespace, so that nobody else sees it.
    const elsewhere = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)"; exec "$@"';
    const upArgs = ['up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig, '--api-servers', '1'];
    const args = ['--mount', 'sh', '-ec', elsewhere, file, join(projectRoot, 'k8ts'), ...upArgs];
    const up = spawnSync('unshare', args, { encoding: 'utf8' });
    assert.equal(up.status, 0, up.stderr);
    const { components, problems } = cluster.status();
    assert.deepEqual(problems, []);
    const changed = components.filter(({ name, pid }) => before.get(name) !== pid).map(({ name }) => name);
    assert.deepEqual(changed.sort(), ['kubelet', 'proxy']);
    const node = ['--target', String(cluster.pidOf('node')), '--mount', 'cat', '/etc/resolv.conf'];
    assert.equal(spawnSync('nsenter', node, { encoding: 'utf8' }).stdout, 'nameserver 192.0.2.53\n');
    assert.match(spawnSync('unshare', args, { encoding: 'utf8' }).stdout, /All is well/);
  });

  test('starts etcd again, with and without the supervisor that started it', async () => {
    using cluster = testCluster('crash');
    assert.equal(cluster.run('up').code, 0);
    const node = cluster.pidOf('node');
    let etcd = cluster.pidOf('etcd');
    process.kill(etcd, 'SIGKILL');
    etcd = await restarted(cluster, 'etcd', etcd);
    const supervisor = cluster.pidOf('supervisor');
    process.kill(supervisor, 'SIGKILL');
    assert.ok(findProcess(etcd), 'etcd goes on without the supervisor');
    await restarted(cluster, 'supervisor', supervisor);
    await eventually('the new supervisor adopts etcd', () => cluster.status().ready || undefined);
    assert.equal(cluster.pidOf('etcd'), etcd);
    process.kill(etcd, 'SIGKILL');
    await restarted(cluster, 'etcd', etcd);
    assert.equal(cluster.pidOf('node'), node, 'the node has not noticed any of it');
  });

  test('boots its node again after a power-off', async () => {
    using cluster = testCluster('power');
    assert.equal(cluster.run('up').code, 0);
    const before = cluster.pidOf('node');
    process.kill(before, 'SIGKILL');
    await restarted(cluster, 'node', before);
    assert.equal(cluster.run('up').code, 0);
  });

  test('a store that was never finished is made anew, any other is left alone', () => {
    using cluster = testCluster('unfinished');
    const dir = `/var/lib/k8ts/${cluster.name}`;
    const torn = join(dir, 'etcd/member/wal/0000000000000000-0000000000000000.wal');
    assert.equal(cluster.run('up').code, 0);
    assert.equal(cluster.run('down', '--keep-data').code, 0);
    rmSync(join(dir, 'etcd'), { recursive: true });
    mkdirSync(dirname(torn), { recursive: true });
    writeFileSync(torn, 'torn');
    const refused = cluster.run('up', '--wait', '5s');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /etcd does not work/);
    assert.ok(existsSync(torn));
    writeFileSync(join(dir, 'etcd.unfinished'), '');
    const { code, stderr } = cluster.run('up');
    assert.equal(code, 0, stderr);
    assert.ok(!existsSync(join(dir, 'etcd.unfinished')));
  });

  test('keeps its data when asked to', () => {
    using cluster = testCluster('keep');
    assert.equal(cluster.run('up').code, 0);
    const { etcdDir } = layoutFor(cluster);
    assert.equal(cluster.run('down', '--keep-data').code, 0);
    assert.ok(existsSync(join(etcdDir, 'member')));
    assert.equal(cluster.run('up').code, 0);
  });

  test('lives beside another, which its down leaves serving', async () => {
    using one = testCluster('one');
    using other = testCluster('other');
    assert.equal(one.run('up').code, 0);
    assert.equal(other.run('up').code, 0);
    const port = layoutFor(other).ports.etcdClient;
    const connection = connect(port, '127.0.0.1');
    await once(connection, 'connect');
    assert.equal(one.run('down').code, 0);
    assert.ok(!connection.destroyed);
    connection.destroy();
    assert.deepEqual(other.status().problems, []);
    assert.equal(forwarding(), '1', 'the remaining cluster still needs it');
  });
});
