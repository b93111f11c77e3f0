// On a folder that looks like the kernel's: what is written where. That the kernel takes it is shown in test/vm.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { closeCgroupRoot, openCgroupRoot } from './cgroup-root.ts';
import type { CgroupTrees } from './cgroups.ts';

function withRoot(files: Record<string, string>, work: (trees: CgroupTrees, dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-cgroup-root-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    work({ version: 2, hierarchies: [{ controllers: '', mountPoint: dir }] }, dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('only what is needed and off is switched on, and that is noted and switched off again', () =>
  withRoot(
    { 'cgroup.controllers': 'cpu io memory pids rdma\n', 'cgroup.subtree_control': 'cpu pids\n' },
    (trees, dir) => {
      const record = join(dir, 'record.json');
      openCgroupRoot(trees, record);
      assert.equal(readFileSync(join(dir, 'cgroup.subtree_control'), 'utf8'), '+memory');
      assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')), { controllers: ['memory'], steppedAside: false });
      closeCgroupRoot(trees, record);
      assert.equal(readFileSync(join(dir, 'cgroup.subtree_control'), 'utf8'), '-memory');
      assert.ok(!existsSync(record));
    },
  ));

test('a second cluster finds everything on and adds nothing to the note', () =>
  withRoot(
    { 'cgroup.controllers': 'cpu memory pids\n', 'cgroup.subtree_control': 'cpu memory pids\n' },
    (trees, dir) => {
      const record = join(dir, 'record.json');
      writeFileSync(record, JSON.stringify({ controllers: ['memory'], steppedAside: false }));
      openCgroupRoot(trees, record);
      assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')).controllers, ['memory']);
    },
  ));

test('a controller that pods cannot do without is named', () =>
  withRoot({ 'cgroup.controllers': 'cpu pids\n', 'cgroup.subtree_control': '\n' }, (trees, dir) => {
    assert.throws(() => openCgroupRoot(trees, join(dir, 'record.json')), /lack the memory controller/);
  }));

test('version 1 is left alone', () => {
  const trees: CgroupTrees = { version: 1, hierarchies: [{ controllers: 'memory', mountPoint: '/nowhere' }] };
  openCgroupRoot(trees, '/nowhere/record.json');
  closeCgroupRoot(trees, '/nowhere/record.json');
});
