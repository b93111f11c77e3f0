// Limits as OCI resources and as cgroup files, on both versions; statistics out of cgroup files.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LinuxContainerResources } from '../../proto/cri.gen.ts';
import { applyResources, type Cgroups, planWritesV1, planWritesV2 } from './cgroup.ts';
import { buildResources, mergeResources, parseDevicesList } from './spec/resources.ts';
import { parseNetDev, readCpu, readIo, readMemory, readSwap } from './stats.ts';

const none: LinuxContainerResources = {
  cpu_period: '0',
  cpu_quota: '0',
  cpu_shares: '0',
  memory_limit_in_bytes: '0',
  oom_score_adj: '0',
  cpuset_cpus: '',
  cpuset_mems: '',
  hugepage_limits: [],
  unified: {},
  memory_swap_limit_in_bytes: '0',
};
const some = {
  ...none,
  cpu_shares: '512',
  cpu_quota: '50000',
  cpu_period: '100000',
  memory_limit_in_bytes: '1000',
  memory_swap_limit_in_bytes: '1500',
  cpuset_cpus: '0-1',
};

test('limits of what the kernel does not count are not written', () => {
  const wanted = { ...some, hugepage_limits: [{ page_size: '2MB', limit: '0' }] };
  const written = (files: string[]) => {
    const out: string[] = [];
    const cgroups = {
      facts: { version: 2 },
      read: (_: string, __: string, file: string) => (files.includes(file) ? '0' : null),
      write: (_: string, __: string, file: string) => void out.push(file),
    } as unknown as Cgroups;
    applyResources(cgroups, '/a', wanted);
    return out.sort();
  };
  const always = ['cpu.max', 'cpu.weight', 'cpuset.cpus', 'memory.max'];
  const counted = ['hugetlb.2MB.max', 'memory.swap.max'];
  assert.deepEqual(written([]), always);
  assert.deepEqual(written(counted), [...always, ...counted].sort());
});

test('buildResources() leaves out what is not set', () => {
  assert.deepEqual(buildResources(none, { version: 1, hugetlb: true }), {});
  assert.deepEqual(buildResources(some, { version: 1, hugetlb: true }), {
    cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0-1' },
    memory: { limit: 1000, swap: 1500 },
  });
});

test('buildResources() drops huge pages where there is no controller, unified where there is v1', () => {
  const wanted = { ...none, hugepage_limits: [{ page_size: '2MB', limit: '4' }], unified: { 'memory.high': '1' } };
  assert.deepEqual(buildResources(wanted, { version: 1, hugetlb: false }), {});
  assert.deepEqual(buildResources(wanted, { version: 2, hugetlb: true }), {
    hugepageLimits: [{ pageSize: '2MB', limit: 4 }],
    unified: { 'memory.high': '1' },
  });
  assert.deepEqual(buildResources({ ...none, cpu_shares: '1024' }, { version: 2, hugetlb: false }), {
    unified: { 'cpu.weight': '100' },
  });
});

test('a privileged container may open what its node may', () => {
  const anything = [{ allow: true, access: 'rwm' }];
  for (const text of [null, 'a *:* rwm\n']) assert.deepEqual(parseDevicesList(text), anything);
  assert.deepEqual(parseDevicesList('b *:* m\nc 136:* rwm\nc 1:3 rw\n'), [
    { allow: true, type: 'b', access: 'm' },
    { allow: true, type: 'c', major: 136, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
  ]);
});

test('the files of an update', () => {
  const files = (writes: { file: string; value: string }[]) => writes.map((w) => `${w.file}=${w.value}`);
  assert.deepEqual(files(planWritesV1(some)), [
    'cpu.shares=512',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_quota_us=50000',
    'cpuset.cpus=0-1',
    'memory.limit_in_bytes=1000',
    'memory.memsw.limit_in_bytes=1500',
  ]);
  assert.deepEqual(files(planWritesV2(some)), [
    'cpu.weight=59',
    'cpu.max=50000 100000',
    'cpuset.cpus=0-1',
    'memory.max=1000',
    'memory.swap.max=500',
  ]);
  assert.deepEqual(files(planWritesV2({ ...none, cpu_quota: '-1', memory_limit_in_bytes: '-1' })), [
    'cpu.max=max 100000',
    'memory.max=max',
  ]);
});

test('mergeResources() keeps what an update does not name', () => {
  assert.deepEqual(mergeResources(some, { ...none, cpu_quota: '20000' }), { ...some, cpu_quota: '20000' });
});

function fakeCgroups(version: 1 | 2, files: Record<string, string>): Cgroups {
  return {
    facts: { version, hugetlb: false, devices: [] },
    pathOf: (parent, id) => `${parent}/${id}`,
    read: (_controller, _path, file) => files[file] ?? null,
    write: () => assert.fail('nothing is written'),
    remove: () => assert.fail('nothing is removed'),
  };
}

describe('statistics', () => {
  test('of v1', () => {
    const files = {
      'cpuacct.usage': '123456789012345678\n',
      'memory.usage_in_bytes': '5000\n',
      'memory.stat': 'cache 1\ntotal_rss 700\ntotal_inactive_file 1000\ntotal_pgfault 5\ntotal_pgmajfault 2\n',
      'memory.limit_in_bytes': '10000\n',
    };
    const cgroups = fakeCgroups(1, files);
    assert.equal(readCpu(cgroups, '/x', '1')!.usage_core_nano_seconds!.value, '123456789012345678');
    const memory = readMemory(cgroups, '/x', '1')!;
    assert.deepEqual(
      [memory.working_set_bytes!.value, memory.rss_bytes!.value, memory.available_bytes!.value],
      ['4000', '700', '6000'],
    );
  });
  test('of v2, without a limit', () => {
    const files = {
      'cpu.stat': 'usage_usec 1500\nuser_usec 3\n',
      'memory.current': '5000',
      'memory.stat': 'anon 9\ninactive_file 6000\n',
      'memory.max': 'max\n',
    };
    const cgroups = fakeCgroups(2, files);
    assert.equal(readCpu(cgroups, '/x', '1')!.usage_core_nano_seconds!.value, '1500000');
    const memory = readMemory(cgroups, '/x', '1')!;
    assert.deepEqual([memory.working_set_bytes!.value, memory.available_bytes], ['0', undefined]);
  });
  test('of v2, with what its tasks waited for', () => {
    const pressure =
      'some avg10=1.50 avg60=0.20 avg300=0.03 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n';
    const files = { 'cpu.stat': 'usage_usec 1\n', 'cpu.pressure': pressure, 'io.pressure': pressure };
    const psi = {
      Full: { Total: '7', Avg10: 0, Avg60: 0, Avg300: 0 },
      Some: { Total: '42', Avg10: 1.5, Avg60: 0.2, Avg300: 0.03 },
    };
    assert.deepEqual(readCpu(fakeCgroups(2, files), '/x', '1')!.psi, psi);
    assert.deepEqual(readIo(fakeCgroups(2, files), '/x', '1'), { timestamp: '1', psi });
    assert.equal(readIo(fakeCgroups(1, files), '/x', '1'), null);
    assert.equal(readIo(fakeCgroups(2, {}), '/x', '1'), null);
  });
  test('of swap, with what is left of a limit', () => {
    const swap = (version: 1 | 2, files: Record<string, string>) => readSwap(fakeCgroups(version, files), '/x', '1');
    const used = { timestamp: '1', swap_usage_bytes: { value: '30' } };
    const left = (value: string) => ({ ...used, swap_available_bytes: { value } });
    assert.deepEqual(swap(2, { 'memory.swap.current': '30\n', 'memory.swap.max': '100\n' }), left('70'));
    assert.deepEqual(swap(2, { 'memory.swap.current': '30\n', 'memory.swap.max': '0\n' }), left('0'));
    assert.deepEqual(swap(2, { 'memory.swap.current': '30\n', 'memory.swap.max': 'max\n' }), used);
    assert.deepEqual(swap(1, { 'memory.stat': 'swap 1\ntotal_swap 30\n' }), used);
    for (const version of [1, 2] as const) assert.equal(swap(version, {}), null);
  });
  test('of a cgroup that is gone', () => assert.equal(readMemory(fakeCgroups(2, {}), '/x', '1'), null));
  test('of links', () => {
    const text =
      'Inter-|\n face |\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 100 2 3 0 0 0 0 0 200 4 5 0 0 0 0 0\n';
    assert.deepEqual(
      parseNetDev(text).map((i) => [i.name, i.rx_bytes!.value, i.tx_bytes!.value, i.tx_errors!.value]),
      [['eth0', '100', '200', '5']],
    );
  });
});
