// The kubelet's control groups on version 1 (one hierarchy a controller) and version 2 (one for
// all). Files are tiny and local, so they are written synchronously. Upstream:
// pkg/kubelet/cm/cgroup_manager_linux.go.
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cpuWeightOfShares } from '../../machinery/cpu-weight.ts';

/** Limits in the words of version 1; absent means unchanged. */
export interface CgroupLimits {
  cpuShares?: number;
  /** Microseconds a period of 100 ms; -1 for none. */
  cpuQuotaUs?: number;
  memoryBytes?: number;
  pids?: number;
}

export interface CgroupTree {
  readonly version: 1 | 2;
  /** Makes the group if need be and sets its limits. */
  apply(path: string, limits: CgroupLimits): void;
  /** Removes the group and empty groups below it. False while something still runs in it. */
  remove(path: string): boolean;
  /** Names of the groups directly below. */
  children(path: string): string[];
  read(controller: string, path: string, file: string): string | undefined;
}

const mountPoint = '/sys/fs/cgroup';
const v2Controllers = ['cpu', 'cpuset', 'memory', 'pids', 'hugetlb'];
const periodUs = 100_000;

/** Finds the hierarchies; `root` is the group below which all of ours lie. */
export function openCgroupTree(root: string, mountRoot = mountPoint): CgroupTree {
  const version = existsSync(join(mountRoot, 'cgroup.controllers')) ? 2 : 1;
  const controllers = version === 2 ? [''] : listControllers(mountRoot);
  const dirOf = (controller: string, path: string) => join(mountRoot, controller, root, path);
  return {
    version,
    apply(path, limits) {
      for (const controller of controllers) ensureGroup(dirOf(controller, ''), dirOf(controller, path), version);
      const write = (controller: string, file: string, value: string) => {
        if (version === 2 || controllers.includes(controller)) {
          writeFileSync(join(dirOf(version === 2 ? '' : controller, path), file), value);
        }
      };
      if (version === 2) writeV2(limits, (file, value) => write('', file, value));
      else writeV1(limits, write);
    },
    remove(path) {
      return controllers.map((controller) => removeGroup(dirOf(controller, path))).every(Boolean);
    },
    children(path) {
      const dir = dirOf(version === 2 ? '' : 'cpu', path);
      return existsSync(dir)
        ? readdirSync(dir, { withFileTypes: true })
            .filter((e) => e.isDirectory())
            .map((e) => e.name)
        : [];
    },
    read(controller, path, file) {
      try {
        return readFileSync(join(dirOf(version === 2 ? '' : controller, path), file), 'utf8').trim();
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

type Write = (controller: string, file: string, value: string) => void;

function writeV1({ cpuShares, cpuQuotaUs, memoryBytes, pids }: CgroupLimits, write: Write): void {
  if (cpuShares !== undefined) write('cpu', 'cpu.shares', String(cpuShares));
  if (cpuQuotaUs !== undefined) {
    write('cpu', 'cpu.cfs_period_us', String(periodUs));
    write('cpu', 'cpu.cfs_quota_us', String(cpuQuotaUs));
  }
  if (memoryBytes !== undefined) write('memory', 'memory.limit_in_bytes', String(memoryBytes));
  if (pids !== undefined) write('pids', 'pids.max', String(pids));
}

function writeV2(
  { cpuShares, cpuQuotaUs, memoryBytes, pids }: CgroupLimits,
  write: (file: string, value: string) => void,
): void {
  if (cpuShares !== undefined) write('cpu.weight', String(cpuWeightOfShares(cpuShares)));
  if (cpuQuotaUs !== undefined) write('cpu.max', `${cpuQuotaUs < 0 ? 'max' : cpuQuotaUs} ${periodUs}`);
  if (memoryBytes !== undefined) write('memory.max', String(memoryBytes));
  if (pids !== undefined) write('pids.max', String(pids));
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
