import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { silentLogger } from '../../machinery/log.ts';
import { openCgroupTree } from './cgroup-tree.ts';
import { PodCgroups } from './pod-cgroups.ts';

const podOf = (cpu: string, memory: string): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c', resources: { requests: { cpu, memory }, limits: { cpu, memory } } }] },
  status: {},
});
const mib = 1 << 20;

/** Plain files where the kernel has its own; version 2 names fewer folders. */
const versions = {
  1: { quota: 'cpu/kubepods/podu/cpu.cfs_quota_us', memory: 'memory/kubepods/podu/memory.limit_in_bytes' },
  2: { quota: 'kubepods/podu/cpu.max', memory: 'kubepods/podu/memory.max' },
} as const;

for (const version of [1, 2] as const)
  describe(`the group of a pod that is resized, version ${version}`, () => {
    const open = (t: { after(fn: () => void): void }) => {
      const dir = mkdtempSync(join(tmpdir(), 'k8ts-resize-'));
      t.after(() => rmSync(dir, { recursive: true }));
      const folders = version === 1 ? ['cpu', 'memory', 'pids'] : ['', 'kubepods', 'kubepods/podu'];
      for (const folder of folders) {
        mkdirSync(join(dir, folder), { recursive: true });
        writeFileSync(join(dir, folder, 'cgroup.procs'), '');
        if (version === 2) writeFileSync(join(dir, folder, 'cgroup.controllers'), 'cpu memory pids\n');
      }
      const cgroups = new PodCgroups(openCgroupTree('/', dir), silentLogger, undefined);
      const file = (name: 'quota' | 'memory') => join(dir, versions[version][name]);
      const read = () =>
        ['quota', 'memory'].map((name) => Number(readFileSync(file(name as 'quota'), 'utf8').split(' ')[0]));
      return { cgroups, read, file };
    };

    test('grows first, and shrinks last', (t) => {
      const { cgroups, read } = open(t);
      cgroups.resize(podOf('1', '64Mi'), 'shrink');
      assert.deepEqual(read(), [100_000, 64 * mib]);
      const next = podOf('500m', '128Mi');
      cgroups.resize(next, 'grow');
      assert.deepEqual(read(), [100_000, 128 * mib]);
      cgroups.resize(next, 'shrink');
      assert.deepEqual(read(), [50_000, 128 * mib]);
    });

    test('says when memory is to be taken', (t) => {
      const { cgroups, file } = open(t);
      cgroups.resize(podOf('1', '64Mi'), 'shrink');
      writeFileSync(join(file('memory'), '..', version === 1 ? 'memory.usage_in_bytes' : 'memory.current'), '5000\n');
      assert.equal(cgroups.memoryDecrease(podOf('1', '64Mi')), undefined);
      assert.deepEqual(cgroups.memoryDecrease(podOf('1', '32Mi')), { limit: 32 * mib, usage: 5000 });
    });

    test('is not changed by a sandbox that is made anew', (t) => {
      const { cgroups, read, file } = open(t);
      cgroups.resize(podOf('1', '64Mi'), 'shrink');
      writeFileSync(join(file('memory'), '..', 'cgroup.procs'), '');
      cgroups.create(podOf('1', '32Mi'));
      assert.deepEqual(read(), [100_000, 64 * mib]);
    });
  });
