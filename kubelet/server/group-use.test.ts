import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';
import { readGroupUse } from './group-use.ts';

const treeOf = (version: 1 | 2, files: Record<string, string>) =>
  ({ version, read: (_: string, path: string, file: string) => files[`${path}/${file}`] }) as unknown as CgroupTree;

test('what a group uses, on both versions', () => {
  const v2 = treeOf(2, {
    'p/cpu.stat': 'usage_usec 2500000\nuser_usec 1',
    'p/memory.current': '1000',
    'p/memory.max': '5000',
    'p/memory.swap.current': '40',
    'p/memory.stat': 'anon 300\ninactive_file 400\npgfault 7\npgmajfault 2',
    'p/cpu.pressure':
      'some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0',
  });
  const none = { total: 0, avg10: 0, avg60: 0, avg300: 0 };
  assert.deepEqual(readGroupUse(v2, 'p', 9), {
    atMs: 9,
    cpuSeconds: 2.5,
    usageBytes: 1000,
    workingSetBytes: 600,
    rssBytes: 300,
    pageFaults: 7,
    majorPageFaults: 2,
    limitBytes: 5000,
    swapBytes: 40,
    pressure: {
      cpu: { full: none, some: { total: 12345, avg10: 1.5, avg60: 0.25, avg300: 0 } },
      memory: undefined,
      io: undefined,
    },
  });
  const v1 = treeOf(1, {
    '/cpuacct.usage': '1500000000',
    '/memory.usage_in_bytes': '1000',
    '/memory.limit_in_bytes': '9223372036854771712',
    '/memory.stat': 'rss 1\ntotal_rss 30\ntotal_inactive_file 1400\ntotal_swap 3\ntotal_pgfault 5\ntotal_pgmajfault 0',
    '/cpu.pressure': 'some total=5',
  });
  const { pressure, ...use } = readGroupUse(v1, '', 1)!;
  assert.deepEqual(use, {
    atMs: 1,
    cpuSeconds: 1.5,
    usageBytes: 1000,
    workingSetBytes: 0,
    rssBytes: 30,
    pageFaults: 5,
    majorPageFaults: 0,
    limitBytes: undefined,
    swapBytes: 3,
  });
  assert.deepEqual(Object.values(pressure), [undefined, undefined, undefined]);
  for (const version of [1, 2] as const) assert.equal(readGroupUse(treeOf(version, {}), 'gone', 1), undefined);
});
