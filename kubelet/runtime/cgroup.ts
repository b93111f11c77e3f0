// The node's cgroups: which version, where the files of a container are, changing limits of a running one, and
// removing what the OCI runtime left when it failed: else creating and removing is its own.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ifThereSync } from '../../host/if-there.ts';
import { type Clock, realClock } from '../../machinery/clock.ts';
import { cpuWeightOfShares } from '../../machinery/cpu-weight.ts';
import type { LinuxContainerResources } from '../../proto/cri.gen.ts';
import { listHierarchies, removeGroup } from './cgroup-removal.ts';
import { parseDevicesList } from './spec/resources.ts';

export type Cgroups = ReturnType<typeof detectCgroups>;

const mountRoot = '/sys/fs/cgroup';

/** Finds the cgroup hierarchies that are mounted, `rootPath` being the subtree that is ours. */
export function detectCgroups(rootPath: string, clock: Clock = realClock) {
  const version: 1 | 2 = existsSync(join(mountRoot, 'cgroup.controllers')) ? 2 : 1;
  const hugetlb =
    version === 1
      ? existsSync(join(mountRoot, 'hugetlb'))
      : readFileSync(join(mountRoot, 'cgroup.controllers'), 'utf8').split(/\s+/).includes('hugetlb');
  const fileOf = (controller: string, path: string, file: string) =>
    version === 1 ? join(mountRoot, controller, path, file) : join(mountRoot, path, file);
  const read = (controller: string, path: string, file: string) =>
    ifThereSync(() => readFileSync(fileOf(controller, path, file), 'utf8'), 'ENODEV') ?? null;
  return {
    facts: { version, hugetlb, devices: parseDevicesList(read('devices', rootPath, 'devices.list')) },
    /** The path of a container's or sandbox's cgroup below the hierarchies. */
    pathOf: (parent: string, id: string) => join('/', rootPath, parent, id),
    /** Reads a file of a cgroup; the controller only matters on v1. Null when it is not there. */
    read,
    write: (controller: string, path: string, file: string, value: string) =>
      writeFileSync(fileOf(controller, path, file), value),
    /** Removes a group with all below it, killing what runs there. One that is not there is fine. */
    async remove(path: string) {
      const dirs = version === 1 ? listHierarchies(mountRoot) : [mountRoot];
      await Promise.all(dirs.map((dir) => removeGroup(join(dir, path), clock)));
    },
  };
}

/** One limit as a file to write. */
export interface CgroupWrite {
  controller: string;
  file: string;
  value: string;
}

const given = (value: string) => value !== '' && value !== '0';

/** The files that express new limits on v1. */
export function planWritesV1(r: LinuxContainerResources): CgroupWrite[] {
  const out: CgroupWrite[] = [];
  const put = (controller: string, file: string, value: string) => {
    if (given(value)) out.push({ controller, file, value });
  };
  put('cpu', 'cpu.shares', r.cpu_shares);
  put('cpu', 'cpu.cfs_period_us', r.cpu_period);
  put('cpu', 'cpu.cfs_quota_us', r.cpu_quota);
  put('cpuset', 'cpuset.cpus', r.cpuset_cpus);
  put('cpuset', 'cpuset.mems', r.cpuset_mems);
  put('memory', 'memory.limit_in_bytes', r.memory_limit_in_bytes);
  put('memory', 'memory.memsw.limit_in_bytes', r.memory_swap_limit_in_bytes);
  for (const { page_size, limit } of r.hugepage_limits) put('hugetlb', `hugetlb.${page_size}.limit_in_bytes`, limit);
  return out;
}

const limitV2 = (bytes: string) => (bytes.startsWith('-') ? 'max' : bytes);

/** The files that express new limits on v2. */
export function planWritesV2(r: LinuxContainerResources): CgroupWrite[] {
  const out: CgroupWrite[] = [];
  const put = (file: string, value: string) => void out.push({ controller: '', file, value });
  if (given(r.cpu_shares)) put('cpu.weight', String(cpuWeightOfShares(Number(r.cpu_shares))));
  if (given(r.cpu_quota)) put('cpu.max', `${limitV2(r.cpu_quota)} ${given(r.cpu_period) ? r.cpu_period : '100000'}`);
  if (given(r.cpuset_cpus)) put('cpuset.cpus', r.cpuset_cpus);
  if (given(r.cpuset_mems)) put('cpuset.mems', r.cpuset_mems);
  if (given(r.memory_limit_in_bytes)) put('memory.max', limitV2(r.memory_limit_in_bytes));
  if (given(r.memory_swap_limit_in_bytes) && given(r.memory_limit_in_bytes)) {
    // v2 counts swap alone, the interface counts memory and swap together.
    const swap = BigInt(r.memory_swap_limit_in_bytes) - BigInt(r.memory_limit_in_bytes);
    put('memory.swap.max', r.memory_swap_limit_in_bytes.startsWith('-') ? 'max' : String(swap < 0n ? 0n : swap));
  }
  for (const { page_size, limit } of r.hugepage_limits) put(`hugetlb.${page_size}.max`, limit);
  for (const [file, value] of Object.entries(r.unified)) put(file, value);
  return out;
}

/** Changes the limits of a cgroup. */
export function applyResources(cgroups: Cgroups, path: string, resources: LinuxContainerResources): void {
  const writes = cgroups.facts.version === 1 ? planWritesV1(resources) : planWritesV2(resources);
  const isSwap = (w: CgroupWrite) => /^memory\.(memsw|swap)\./.test(w.file);
  // A kernel that does not count these has no such file, and nothing to limit.
  const mayMiss = (w: CgroupWrite) => isSwap(w) || w.file.startsWith('hugetlb.');
  const current = Number(cgroups.read('memory', path, 'memory.limit_in_bytes') ?? 0);
  const grows = Number(resources.memory_limit_in_bytes) > current;
  // Memory may never exceed memory plus swap, not even between two writes.
  const ordered = grows ? [...writes.filter(isSwap), ...writes.filter((w) => !isSwap(w))] : writes;
  for (const write of ordered) {
    if (mayMiss(write) && cgroups.read(write.controller, path, write.file) === null) continue;
    cgroups.write(write.controller, path, write.file, write.value);
  }
}
