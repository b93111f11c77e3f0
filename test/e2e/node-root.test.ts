// A node's file system is its own: what pods reach by hostPath, as privileged or with setuid files,
// is never the host's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadCluster } from '../../cli/cluster-store.ts';
import { defaultRoots, insideNode, type Layout } from '../../cli/layout.ts';
import { type E2eCluster, patience, startCluster } from '../environment/cluster.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const secretName = `k8ts-secret-${process.pid}`;
const planted = ['/root', '/home', '/etc', '/srv', '/opt', '/var', '/tmp', '/mnt'].filter((dir) => existsSync(dir));
const pod = (name: string, container: object, volume: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'busybox:1.36',
        command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        ...container,
      },
    ],
    volumes: [{ name: 'v', ...volume }],
  },
});

describe('the file system of a node', { skip: needsRoot }, () => {
  let cluster: E2eCluster;
  let layout: Layout;
  const kubectl = (...args: string[]) => cluster.kubectl.run(args);
  const inPod = (name: string, script: string) => kubectl('exec', name, '--', 'busybox', 'sh', '-c', script);

  before(async () => {
    for (const dir of planted) writeFileSync(join(dir, secretName), 'of the host', { mode: 0o600 });
    cluster = await startCluster('node-root', ['busybox']);
    layout = loadCluster(cluster.name, defaultRoots)!;
    const root = { hostPath: { path: '/' } };
    cluster.kubectl.apply(pod('plain', {}, root));
    cluster.kubectl.apply(pod('privileged', { securityContext: { privileged: true } }, root));
    cluster.kubectl.apply(pod('setuid', {}, { emptyDir: {} }));
    cluster.kubectl.get('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=600s');
  });
  after(async () => {
    for (const dir of planted) rmSync(join(dir, secretName), { force: true });
    await cluster?.[Symbol.asyncDispose]();
  });

  test('hostPath / shows the node, and nothing of the host but programs', () => {
    for (const dir of planted) assert.equal(inPod('plain', `ls -A /v${dir}`).stdout.includes(secretName), false, dir);
    assert.equal(inPod('plain', 'ls -A /v/root /v/home /v/srv').stdout.trim(), '/v/home:\n\n/v/root:\n\n/v/srv:');
    assert.notEqual(inPod('plain', 'cat /v/etc/shadow').code, 0);
    assert.equal(inPod('plain', 'cat /v/etc/hostname').stdout.trim(), cluster.node);
    assert.equal(inPod('plain', 'ls /v/usr/bin/crun').code, 0);
  });

  test('what a pod writes at the root stays, and stays in the node', () => {
    assert.equal(inPod('plain', `mkdir -p /v/${secretName} && touch /v/${secretName}/x /v/root/x`).code, 0);
    assert.equal(existsSync(`/${secretName}`), false);
    assert.equal(existsSync('/root/x'), false);
    assert.equal(inPod('privileged', `ls /v/${secretName}`).stdout, 'x\n');
  });

  test('no remount makes programs of the host writable', () => {
    const folders = ['/usr', insideNode.credentialsDir, process.env.K8TS_ROOT ?? process.cwd()];
    for (const folder of folders) {
      const script = `mount -o remount,rw /v${folder}; mount -o remount,bind,rw /v${folder}; touch /v${folder}/${secretName}`;
      const { code, stderr } = inPod('privileged', script);
      assert.notEqual(code, 0, folder);
      assert.match(stderr, /Read-only file system/);
      assert.equal(existsSync(join(folder, secretName)), false);
    }
  });

  test('a privileged pod gets no disk: neither in /dev nor by making its file', () => {
    assert.equal(inPod('privileged', 'find /dev /v/dev -type b').stdout, '');
    const disk = spawnSync('lsblk', ['-rno', 'MAJ:MIN'], { encoding: 'utf8' }).stdout.trim().split('\n')[0] || '7:0';
    const { code, stderr } = inPod('privileged', `busybox mknod /disk b ${disk.replace(':', ' ')} && head -c 1 /disk`);
    assert.notEqual(code, 0);
    assert.match(stderr, /Operation not permitted/);
    assert.equal(inPod('privileged', 'head -c 1 /dev/zero | wc -c').stdout.trim(), '1');
  });

  test('a setuid file of a pod is out of reach of the accounts of the host', () => {
    assert.equal(inPod('setuid', 'cp /bin/busybox /v/root-shell && chmod 4755 /v/root-shell').code, 0);
    const found = spawnSync('find', [layout.stateDir, '-name', 'root-shell'], { encoding: 'utf8' }).stdout.trim();
    assert.equal(statSync(found).mode & 0o7777, 0o4755);
    // By a shell: setpriv itself has its capabilities until it becomes another program.
    const shell = ['sh', '-c', 'exec "$0" sh -c id', found];
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', ...shell];
    const { status, stdout, stderr } = spawnSync('setpriv', asNobody, { encoding: 'utf8' });
    assert.notEqual(status, 0, stdout);
    assert.match(stderr, /Permission denied/);
    for (const dir of [defaultRoots.state, layout.stateDir, defaultRoots.run, layout.runDir]) {
      assert.equal(statSync(dir).mode & 0o777, 0o700, dir);
    }
  });

  test('links that a pod leaves where the node has its own folders lead nowhere at the next boot', () => {
    const victim = join('/srv', `${secretName}-victim`);
    mkdirSync(victim, { recursive: true });
    try {
      const script = `rm -rf /v/etc/hostname /v/home && ln -s ${victim}/written /v/etc/hostname && ln -s ${victim} /v/home`;
      const { code, stderr } = inPod('plain', script);
      assert.equal(code, 0, stderr);
      process.kill(cluster.cluster.pidOf('node'), 'SIGKILL');
      assert.equal(cluster.cluster.run('up', ...patience).code, 0);
      assert.deepEqual(spawnSync('ls', ['-A', victim], { encoding: 'utf8' }).stdout, '');
      const node = cluster.cluster.pidOf('node');
      const seen = spawnSync('nsenter', ['-t', String(node), '-m', 'sh', '-c', 'cat /etc/hostname; readlink /home'], {
        encoding: 'utf8',
      });
      assert.equal(seen.stdout, `${cluster.node}\n`);
    } finally {
      rmSync(victim, { recursive: true, force: true });
    }
  });
});
