// What ./k8ts says when it cannot do its work, and that nothing half-made stays behind.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { k8ts, needsRoot, projectRoot, testCluster } from './k8ts-command.ts';

const run = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: 'utf8' });

/** A folder with links to these programs and no others, to be the PATH. */
function pathWith(dir: string, programs: string[]): string {
  for (const program of programs) {
    const found = run('bash', '-c', `command -v ${program}`).stdout.trim();
    symlinkSync(found, join(dir, program));
  }
  return dir;
}

const launcherNeeds = ['bash', 'readlink', 'dirname', 'cmp', 'find', 'sort', 'id'];

describe('the launcher', () => {
  const inFolder = (body: (dir: string) => void) => {
    const dir = mkdtempSync(join(tmpdir(), 'k8ts-path-'));
    try {
      body(dir);
    } finally {
      rmSync(dir, { recursive: true });
    }
  };

  test('works from another folder and through a link', () => {
    inFolder((dir) => {
      symlinkSync(join(projectRoot, 'k8ts'), join(dir, 'kates'));
      const { stdout, status } = spawnSync(join(dir, 'kates'), ['version'], { cwd: dir, encoding: 'utf8' });
      assert.equal(status, 0);
      assert.match(stdout, /^k8ts \d/);
    });
  });

  test('what nobody reads is no failure, what cannot be written is', () => {
    const shell = (script: string) =>
      spawnSync('bash', ['-c', script, projectRoot], { encoding: 'utf8', cwd: projectRoot });
    const unread = shell('{ sleep 1; ./k8ts --help; echo "code $?" >&2; } | true');
    assert.equal(unread.stderr, 'code 0\n');
    const unwritten = shell('./k8ts version >/dev/full');
    assert.equal(unwritten.stderr, 'error: standard output: ENOSPC: no space left on device, write\n');
    assert.equal(unwritten.status, 1);
  });

  test('says so when Node is missing or too old', () => {
    inFolder((dir) => {
      const PATH = pathWith(dir, launcherNeeds);
      // A checkout without packages: where they are, the Node.js among them does.
      cpSync(join(projectRoot, 'k8ts'), join(dir, 'k8ts'));
      const launch = () => spawnSync(join(dir, 'k8ts'), ['version'], { env: { PATH }, encoding: 'utf8' });
      assert.match(launch().stderr, /Node\.js >= 20\.19 is needed and no node is on PATH/);
      writeFileSync(join(dir, 'node'), '#!/bin/sh\necho v20.9.0\n', { mode: 0o755 });
      const old = launch();
      assert.equal(old.status, 1);
      assert.match(old.stderr, /Node\.js >= 20\.19 is needed; .*node is v20\.9\.0/);
    });
  });

  test('names each missing program, its package and the way to get it where there is no apt', () => {
    inFolder((dir) => {
      const PATH = pathWith(dir, [...launcherNeeds, 'node']);
      const { code, stderr } = k8ts(['up'], { env: { PATH } });
      assert.equal(code, 1);
      assert.match(stderr, /missing: etcd \(Debian package etcd-server\): keeps the cluster state/);
      assert.match(stderr, /missing: crun \(Debian package crun\)/);
      assert.match(stderr, /there is no apt-get here/);
    });
  });
});

test('test fails when what it was asked to run does not exist', { skip: needsRoot }, () => {
  const { code, stderr } = k8ts(['test', 'no-test-has-this-name']);
  assert.equal(code, 1);
  assert.match(stderr, /no .* tests match no-test-has-this-name/);
});

const booted = existsSync('/run/systemd/system');
test('install and uninstall say where there is no systemd', { skip: needsRoot || (booted && 'has systemd') }, () => {
  const installed = k8ts(['install', '--name', 't-no-service']);
  assert.equal(installed.code, 1);
  assert.match(installed.stderr, /systemd does not run this machine[\s\S]*\/k8ts up --name t-no-service/);
  const uninstalled = k8ts(['uninstall', '--name', 't-no-service']);
  assert.equal(uninstalled.code, 1);
  assert.match(uninstalled.stderr, /systemd does not run this machine/);
  assert.ok(!existsSync('/etc/systemd/system/k8ts-t-no-service.service'));
});

describe('up', { skip: needsRoot }, () => {
  test('refuses liveness limits that are none', () => {
    using cluster = testCluster('limits');
    const { name } = cluster;
    const { code, stderr } = k8ts(['up', '--name', name], { env: { K8TS_LIVENESS: 'periodMs=fast' } });
    assert.equal(code, 1);
    assert.match(stderr, /K8TS_LIVENESS: "periodMs=fast" is no limit/);
    assert.ok(!existsSync(join('/var/lib/k8ts', name)));
  });

  test('needs root', (t) => {
    const bundle = join(projectRoot, 'dist/bin/k8ts.mjs');
    const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    if (run('setpriv', ...asNobody, 'cat', bundle).status !== 0) return t.skip('the checkout is for root alone');
    const { status, stderr } = run('setpriv', ...asNobody, process.execPath, bundle, 'up', '--name', 'refused');
    assert.equal(status, 1);
    assert.match(stderr, /needs root/);
    assert.ok(!existsSync('/var/lib/k8ts/refused'));
  });

  test('names a port that is in use, and leaves nothing', async () => {
    using cluster = testCluster('port');
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    try {
      const { code, stderr } = cluster.run('up', '--api-port', String(port));
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`port ${port}, which the API server .* is in use`));
      assert.match(stderr, /--api-port/);
      for (const root of ['/var/lib/k8ts', '/run/k8ts']) assert.ok(!existsSync(join(root, cluster.name)));
    } finally {
      server.close();
    }
  });

  const refused = [
    { name: 'a range with bits below its mask', args: ['--pod-subnet', '10.1.2.0/16'], message: /bits below its mask/ },
    { name: 'a range for pods that is too small', args: ['--pod-subnet', '10.1.2.0/25'], message: /has no \/24/ },
    {
      name: 'one range for both',
      args: ['--pod-subnet', '10.8.0.0/16', '--service-subnet', '10.8.0.0/16'],
      message: /overlaps/,
    },
    { name: 'a range the host uses', args: ['--pod-subnet', '127.0.0.0/8'], message: /overlaps the route to 127/ },
    { name: 'an unknown flag', args: ['--frobnicate'], message: /unknown option/ },
  ];
  for (const { name, args, message } of refused) {
    test(`refuses ${name}`, () => {
      using cluster = testCluster('flags');
      const { code, stderr } = cluster.run('up', ...args);
      assert.notEqual(code, 0);
      assert.match(stderr, message);
      assert.ok(!existsSync(join('/var/lib/k8ts', cluster.name)));
    });
  }
});
