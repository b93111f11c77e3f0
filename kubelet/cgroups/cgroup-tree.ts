// The kubelet's control groups on version 1 (one hierarchy a controller) and version 2 (one for
// all). Files are tiny and local, so they are written synchronously. Upstream:
// pkg/kubelet/cm/cgroup_manager_linux.go.

import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ifThereSync } from '../../host/if-there.ts';
import { cpuWeightOfShares } from '../../machinery/cpu-weight.ts';

/** Limits in the words of version 1; absent means unchanged. */
export interface CgroupLimits {
  cpuShares?: number;
  /** Microseconds a period of 100 ms; -1 for none. */
  cpuQuotaUs?: number;
  memoryBytes?: number;
  pids?: number;
}

export type CgroupTree = ReturnType<typeof openCgroupTree>;

const mountPoint = '/sys/fs/cgroup';
const v2Controllers = ['cpu', 'cpuset', 'memory', 'pids', 'hugetlb'];
const periodUs = 100_000;

type Write = [controller: string, file: string, value: string | number | undefined];

/** The files of limits, by version. */
const writesOf: Record<1 | 2, (limits: CgroupLimits) => Write[]> = {
  1: ({ cpuShares, cpuQuotaUs, memoryBytes, pids }) => [
    ['cpu', 'cpu.shares', cpuShares],
    ['cpu', 'cpu.cfs_period_us', cpuQuotaUs && periodUs],
    ['cpu', 'cpu.cfs_quota_us', cpuQuotaUs],
    ['memory', 'memory.limit_in_bytes', memoryBytes],
    ['pids', 'pids.max', pids],
  ],
  2: ({ cpuShares, cpuQuotaUs, memoryBytes, pids }) => [
    ['', 'cpu.weight', cpuShares && cpuWeightOfShares(cpuShares)],
    ['', 'cpu.max', cpuQuotaUs && `${cpuQuotaUs < 0 ? 'max' : cpuQuotaUs} ${periodUs}`],
    ['', 'memory.max', memoryBytes],
    ['', 'pids.max', pids],
  ],
};

/** Finds the hierarchies; `root` is the group below which all of ours lie. */
export function openCgroupTree(root: string, mountRoot = mountPoint) {
  const version: 1 | 2 = existsSync(join(mountRoot, 'cgroup.controllers')) ? 2 : 1;
  const controllers = version === 2 ? [''] : listControllers(mountRoot);
  const dirOf = (controller: string, path: string) => join(mountRoot, version === 2 ? '' : controller, root, path);
  return {
    version,
    /** Makes the group if need be and sets its limits. */
    apply(path: string, limits: CgroupLimits): void {
      for (const controller of controllers) ensureGroup(dirOf(controller, ''), dirOf(controller, path), version);
      for (const [controller, file, value] of writesOf[version](limits)) {
        if (value === undefined || !controllers.includes(controller)) continue;
        writeFileSync(join(dirOf(controller, path), file), String(value));
      }
    },
    /** Removes the group and empty groups below it. False while something still runs in it. */
    remove: (path: string): boolean =>
      controllers.map((controller) => removeGroup(dirOf(controller, path))).every(Boolean),
    /** Names of the groups directly below. */
    children(path: string): string[] {
      const entries = ifThereSync(() => readdirSync(dirOf('cpu', path), { withFileTypes: true })) ?? [];
      return entries.filter((e) => e.isDirectory()).map((e) => e.name);
    },
    read(controller: string, path: string, file: string): string | undefined {
      try {
        return readFileSync(join(dirOf(controller, path), file), 'utf8').trim();
      } catch {
        return undefined; // the controller is not there, or the root group lacks the file
      }
    },
  };
}

// Controllers mounted together are links to one folder; each folder is used once.
function listControllers(mountRoot: string): string[] {
  return readdirSync(mountRoot).filter((name) => {
    const path = join(mountRoot, name);
    return name !== 'unified' && lstatSync(path).isDirectory() && existsSync(join(path, 'cgroup.procs'));
  });
}

function ensureGroup(rootDir: string, dir: string, version: 1 | 2): void {
  if (existsSync(dir)) return;
  const parent = dirname(dir);
  if (parent.startsWith(rootDir)) ensureGroup(rootDir, parent, version);
  if (version === 2) enableControllers(parent);
  mkdirSync(dir, { recursive: true });
  // A new cpuset group is empty, and nothing could run in it.
  if (version === 1 && existsSync(join(dir, 'cpuset.cpus'))) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) writeFileSync(join(dir, file), readFileSync(join(parent, file)));
  }
}

function enableControllers(dir: string): void {
  const available = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = v2Controllers.filter((c) => available.includes(c));
  if (wanted.length > 0) writeFileSync(join(dir, 'cgroup.subtree_control'), wanted.map((c) => `+${c}`).join(' '));
}

function removeGroup(dir: string): boolean {
  if (!existsSync(dir)) return true;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeGroup(join(dir, entry.name))) return false;
  }
  try {
    rmdirSync(dir);
    return true;
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === 'EBUSY') return false;
    if (code === 'ENOENT') return true;
    throw err;
  }
}
