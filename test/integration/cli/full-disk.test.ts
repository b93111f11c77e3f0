// A cluster whose state lies on a disk of 64 MiB that fills up: before `up`, in the middle of it, and while the cluster
// is written to. Each time the error names the disk, nothing acknowledged is lost, and space is all that it takes.
// Room to spare is about 2 MiB: etcd sets 62 aside for its log.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  watch,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { tracesOf } from './host-snapshot.ts';
import { k8ts, needsRoot, projectRoot, type TestCluster, testCluster } from './k8ts-command.ts';

interface SmallDisk extends Disposable {
  dir: string;
  /** Writes a file until nothing more fits. */
  fill(): void;
  free(): void;
}

/** A tmpfs of 64 MiB where the state of a cluster will be. */
function smallDisk(cluster: TestCluster): SmallDisk {
  const dir = join('/var/lib/k8ts', cluster.name);
  const filler = join(dir, 'filler');
  mkdirSync(dir, { recursive: true });
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', dir]);
  return {
    dir,
    fill() {
      const fd = openSync(filler, 'a');
      const block = Buffer.alloc(64 * 1024);
      assert.throws(() => {
        for (;;) writeSync(fd, block);
      }, /ENOSPC/);
      closeSync(fd);
    },
    free: () => rmSync(filler),
    [Symbol.dispose]() {
      cluster.run('down');
      spawnSync('umount', [dir]);
      rmdirSync(dir);
    },
  };
}

/** Runs `up`, and fills the disk as soon as a file is there on it. */
async function fillDuringUp(cluster: TestCluster, disk: SmallDisk, file: string) {
  const path = join(disk.dir, file);
  const watchers: FSWatcher[] = [];
  let filled = false;
  let up: ChildProcess;
  const look = () => {
    if (watchers.length === 1 && existsSync(dirname(path))) watchers.push(watch(dirname(path), look));
    if (filled || !existsSync(path)) return;
    filled = true;
    up.kill('SIGSTOP'); // it writes no more until the disk is full
    disk.fill();
    up.kill('SIGCONT');
  };
  watchers.push(watch(disk.dir, look));
  const args = ['up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig];
  up = spawn(join(projectRoot, 'k8ts'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  up.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(up, 'close');
  for (const watcher of watchers) watcher.close();
  return { code, stderr };
}

/** What a cluster left, besides the disk that it was given. */
function leftBy(cluster: TestCluster, dir: string): string[] {
  const traces = tracesOf(cluster.name, `bridge of ${cluster.name}`);
  return traces.filter((line) => !line.startsWith('mount: ') && !line.endsWith(dir));
}

describe('a full disk', { skip: needsRoot }, () => {
  test('is named before anything starts', () => {
    using cluster = testCluster('full');
    using disk = smallDisk(cluster);
    disk.fill();
    const { code, stderr } = cluster.run('up');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`no space left (for|on the disk that holds) .*${disk.dir}`));
    assert.ok(existsSync(join(disk.dir, 'filler')), 'what is not the cluster’s stays');
    assert.deepEqual(leftBy(cluster, disk.dir), []);
  });

  test('that is a stack itself, as in a container, is named before anything starts', () => {
    using cluster = testCluster('stacked');
    using disk = smallDisk(cluster);
    const parts = ['lower', 'upper', 'work'].map((part) => join(disk.dir, part));
    for (const part of parts) mkdirSync(part);
    const options = `lowerdir=${parts[0]},upperdir=${parts[1]},workdir=${parts[2]}`;
    assert.equal(spawnSync('mount', ['-t', 'overlay', '-o', options, 'overlay', disk.dir]).status, 0);
    try {
      const { code, stderr } = cluster.run('up');
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`error: containers cannot run from ${disk.dir}: .*mount: .*\nWhere that is a`));
      assert.deepEqual(readdirSync(disk.dir), []);
    } finally {
      spawnSync('umount', [disk.dir]);
    }
    assert.deepEqual(leftBy(cluster, disk.dir), []);
  });

  for (const [part, file] of [
    ['the certificates are made', 'pki'],
    ['etcd starts', 'logs/etcd.log'],
    ['the API server starts', 'logs/apiserver.log'],
  ] as const) {
    test(`is named when it fills up while ${part}, and up works once there is room`, async () => {
      for (let triesLeft = 4; ; triesLeft--) {
        using cluster = testCluster('fills');
        using disk = smallDisk(cluster);
        const { code, stderr } = await fillDuringUp(cluster, disk, file);
        // On a busy machine all may be written before this process sees that it begins.
        if (code === 0 && triesLeft > 0) continue;
        assert.equal(code, 1, stderr);
        assert.match(stderr, new RegExp(`no space left on the disk that holds ${disk.dir}`));
        assert.match(stderr, /Free some space .*, then run the same command again/);
        assert.deepEqual(leftBy(cluster, disk.dir), [], stderr);
        disk.free();
        const { code: again, stderr: why } = cluster.run('up');
        assert.equal(again, 0, why);
        return;
      }
    });
  }

  test('stops writes with an error; what was acknowledged is there, and all goes on, once there is room', async () => {
    using cluster = testCluster('written');
    using disk = smallDisk(cluster);
    const { code, stderr } = cluster.run('up');
    assert.equal(code, 0, stderr);
    const kubectl = new Kubectl(cluster.kubeconfig);
    const payload = `--from-literal=payload=${'x'.repeat(30_000)}`;
    const acknowledged: string[] = [];
    let refusal = '';
    for (let i = 0; i < 200 && refusal === ''; i++) {
      if (i === 5) disk.fill();
      const outcome = kubectl.run(['create', 'configmap', `written-${i}`, payload]);
      if (outcome.code === 0) acknowledged.push(`configmap/written-${i}`);
      else refusal = outcome.stderr;
    }
    assert.match(refusal, /etcd does not answer, its log says why/);
    await eventually('status names the disk', () => {
      disk.fill(); // an etcd that ends or starts leaves some room
      const { code, stdout } = k8ts(['status', '--name', cluster.name]);
      return code === 1 && stdout.includes(`no space left on the disk that holds ${disk.dir}`);
    });

    disk.free();
    await eventually('the cluster is well again by itself', () => cluster.status().problems.length === 0);
    const names = kubectl.get('get', 'configmaps', '--output', 'name').split('\n');
    assert.deepEqual(
      acknowledged.filter((name) => !names.includes(name)),
      [],
    );
    kubectl.get('create', 'configmap', 'afterwards', payload);
  });
});
