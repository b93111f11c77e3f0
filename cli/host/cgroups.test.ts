import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { UserError } from '../user-error.ts';
import { makeGroup, parseCgroups, processesInGroup, removeGroupIfEmpty } from './cgroups.ts';

const mountLine = (point: string, type: string, options: string) =>
  `30 25 0:26 / ${point} rw,relatime shared:9 - ${type} ${type} rw,${options}`;

describe('parseCgroups', () => {
  test('version 1 with an empty version 2 tree beside it', () => {
    const trees = parseCgroups(
      '3:memory:/user\n2:cpu,cpuacct:/\n1:name=systemd:/init\n0::/\n',
      [
        mountLine('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
        mountLine('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
        mountLine('/sys/fs/cgroup/systemd', 'cgroup', 'xattr,name=systemd'),
        mountLine('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate'),
      ].join('\n'),
    );
    assert.equal(trees.version, 1);
    assert.deepEqual(trees.hierarchies, [
      { controllers: 'memory', mountPoint: '/sys/fs/cgroup/memory' },
      { controllers: 'cpu,cpuacct', mountPoint: '/sys/fs/cgroup/cpu,cpuacct' },
      { controllers: 'name=systemd', mountPoint: '/sys/fs/cgroup/systemd' },
      { controllers: '', mountPoint: '/sys/fs/cgroup/unified' },
    ]);
  });

  test('version 2 alone', () => {
    const trees = parseCgroups('0::/user.slice\n', mountLine('/sys/fs/cgroup', 'cgroup2', 'nsdelegate'));
    assert.deepEqual(trees, { version: 2, hierarchies: [{ controllers: '', mountPoint: '/sys/fs/cgroup' }] });
  });

  test('a controller that is not mounted is left out', () => {
    assert.deepEqual(parseCgroups('1:memory:/\n', '').hierarchies, []);
  });
});

test('groups that are cleared away while they are looked at hold no processes', (t) => {
  const mountPoint = mkdtempSync(join(tmpdir(), 'k8ts-cgroup-'));
  t.after(() => rmSync(mountPoint, { recursive: true }));
  const trees = { version: 1 as const, hierarchies: [{ controllers: 'pids', mountPoint }] };
  mkdirSync(join(mountPoint, 'k8ts/a/gone'), { recursive: true });
  writeFileSync(join(mountPoint, 'k8ts/a/cgroup.procs'), `${process.pid}\n`);
  assert.deepEqual(
    processesInGroup(trees, 'k8ts/a').map((ref) => ref.pid),
    [process.pid],
  );
  assert.deepEqual(processesInGroup(trees, 'k8ts/b'), []);
});

test('a group that cannot be made is told, with the way out, and none is removed without harm', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-cgroup-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'file'), '');
  const trees = { version: 1 as const, hierarchies: [{ controllers: 'pids', mountPoint: join(dir, 'file') }] };
  assert.throws(
    () => makeGroup(trees, 'k8ts/a'),
    (err) => err instanceof UserError && /cannot be changed: ENOTDIR/.test(err.message) && /privileged/.test(err.hint!),
  );
  assert.ok(removeGroupIfEmpty(trees, 'k8ts'));
});
