import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { createLogger } from '../../machinery/log.ts';
import { type CgroupTree, openCgroupTree } from './cgroup-tree.ts';
import { PodCgroups } from './pod-cgroups.ts';

const burstable = (uid: string, cpu: string): Pod => ({
  metadata: { name: uid, namespace: 'ns', uid },
  spec: { containers: [{ name: 'app', resources: { requests: { cpu } } }] },
  status: {},
});

test('burstable pods weigh what they ask for, also those of before a restart of the kubelet', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-pod-cgroups-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const controller of ['cpu', 'memory', 'pids']) {
    mkdirSync(join(dir, controller));
    writeFileSync(join(dir, controller, 'cgroup.procs'), '');
  }
  const start = () => {
    const cgroups = new PodCgroups(openCgroupTree('/', dir), createLogger('test', 'error'), undefined);
    cgroups.setUp({ milliCpu: 2000, memoryBytes: 1 << 30, pids: 1000 });
    return cgroups;
  };
  const shares = () => Number(readFileSync(join(dir, 'cpu/kubepods/burstable/cpu.shares'), 'utf8'));
  const pods = [burstable('a', '500m'), burstable('b', '250m')];
  const first = start();
  for (const pod of pods) first.create(pod);
  assert.equal(shares(), 768);
  const second = start();
  assert.equal(shares(), 2);
  for (const pod of pods) second.adopt(pod);
  assert.equal(shares(), 768);
  // The kernel's files need no removing.
  for (const controller of ['cpu', 'memory', 'pids'])
    rmSync(join(dir, controller, 'kubepods/burstable/podb'), { recursive: true });
  second.remove('b');
  assert.equal(shares(), 512);
});

describe('singleProcessOOMKill', () => {
  const tree = (version: 1 | 2): CgroupTree => ({
    version,
    apply: () => undefined,
    remove: () => true,
    children: () => [],
    read: () => undefined,
  });
  const files = (version: 1 | 2, setting: boolean | undefined) =>
    new PodCgroups(tree(version), createLogger('test', 'error'), setting).containerFiles();
  const all = { 'memory.oom.group': '1' };
  const cases = [
    { version: 2, setting: undefined, expected: all },
    { version: 2, setting: false, expected: all },
    { version: 2, setting: true, expected: {} },
    { version: 1, setting: undefined, expected: {} },
    { version: 1, setting: true, expected: {} },
  ] as const;
  for (const { version, setting, expected } of cases)
    test(`${setting} on version ${version}`, () => assert.deepEqual(files(version, setting), expected));

  test('false on version 1, which cannot end a group as a whole, is refused', () => {
    assert.throws(() => files(1, false), {
      message: 'invalid configuration: singleProcessOOMKill must not be explicitly set to false when using cgroup v1',
    });
  });
});
