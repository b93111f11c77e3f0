// On folders that look like the kernel's: what is written where. That the kernel takes it is shown
// by the integration tests.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCgroupTree } from './cgroup-tree.ts';

function withFolder(work: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-cgroup-'));
  try {
    work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const limits = { cpuShares: 256, cpuQuotaUs: 50_000, memoryBytes: 1 << 26, pids: 100 };

test('version 1: one folder a controller', () =>
  withFolder((dir) => {
    for (const controller of ['cpu', 'memory', 'cpuset', 'pids']) {
      mkdirSync(join(dir, controller));
      writeFileSync(join(dir, controller, 'cgroup.procs'), '');
    }
    const tree = openCgroupTree('/', dir);
    assert.equal(tree.version, 1);
    tree.apply('/kubepods/burstable/podx', limits);
    const read = (file: string) => readFileSync(join(dir, file), 'utf8');
    assert.equal(read('cpu/kubepods/burstable/podx/cpu.shares'), '256');
    assert.equal(read('cpu/kubepods/burstable/podx/cpu.cfs_quota_us'), '50000');
    assert.equal(read('cpu/kubepods/burstable/podx/cpu.cfs_period_us'), '100000');
    assert.equal(read('memory/kubepods/burstable/podx/memory.limit_in_bytes'), '67108864');
    assert.equal(read('pids/kubepods/burstable/podx/pids.max'), '100');
    assert.ok(existsSync(join(dir, 'cpuset/kubepods/burstable/podx')));
    assert.deepEqual(tree.children('/kubepods'), ['burstable']);
    assert.equal(tree.remove('/kubepods/nothing'), true);
  }));

test('version 2: one tree, controllers handed down', () =>
  withFolder((dir) => {
    writeFileSync(join(dir, 'cgroup.controllers'), 'cpu memory pids rdma\n');
    mkdirSync(join(dir, 'kubepods'));
    writeFileSync(join(dir, 'kubepods/cgroup.controllers'), 'cpu memory\n');
    const tree = openCgroupTree('/', dir);
    assert.equal(tree.version, 2);
    tree.apply('/kubepods/podx', { ...limits, cpuQuotaUs: -1 });
    const read = (file: string) => readFileSync(join(dir, file), 'utf8');
    assert.equal(read('kubepods/cgroup.subtree_control'), '+cpu +memory');
    assert.equal(read('kubepods/podx/cpu.weight'), '35');
    assert.equal(read('kubepods/podx/cpu.max'), 'max 100000');
    assert.equal(read('kubepods/podx/memory.max'), '67108864');
  }));
