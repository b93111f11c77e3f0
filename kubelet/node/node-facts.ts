// What the machine is and has: read once at start. Upstream: cadvisor's machine info.

import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import { goArchitecture } from '../../machinery/architecture.ts';
import { canonicalQuantity } from '../../machinery/quantity.ts';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';

export interface NodeFacts {
  cpus: number;
  memoryBytes: number;
  /** Of the file system that pods write to. */
  diskBytes: number;
  /** Page sizes the kernel has huge pages of, and how many bytes are set aside. */
  hugePages: Record<string, number>;
  maxPids: number;
  hasAppArmor: boolean;
  machineId: string;
  systemUuid: string;
  bootId: string;
  kernelVersion: string;
  osImage: string;
  architecture: string;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // not every machine has every file; an empty fact is what upstream reports too
  }
}

export function readNodeFacts(rootDir: string, cgroups: CgroupTree): NodeFacts {
  const disk = statfsSync(rootDir);
  const machineId = readText('/etc/machine-id');
  return {
    cpus: availableParallelism(),
    memoryBytes: memoryBytes(cgroups),
    diskBytes: disk.blocks * disk.bsize,
    hugePages: readHugePages('/sys/kernel/mm/hugepages'),
    maxPids: Number(readText('/proc/sys/kernel/pid_max')) || 32_768,
    hasAppArmor: readText('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
    machineId,
    systemUuid: readText('/sys/class/dmi/id/product_uuid') || machineId,
    bootId: readText('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(readText('/etc/os-release'))?.[1] ?? 'Linux',
    architecture: goArchitecture(arch()),
  };
}

/** The machine's memory, or the limit of the group the node lies in where that is less. */
function memoryBytes(cgroups: CgroupTree): number {
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(readText('/proc/meminfo'))?.[1] ?? 0) * 1024;
  const file = cgroups.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
  const limit = Number(cgroups.read('memory', '/', file) ?? Number.NaN);
  return limit > 0 && limit < total ? limit : total;
}

function readHugePages(dir: string): Record<string, number> {
  const out: Record<string, number> = {};
  for (const name of existsSync(dir) ? readdirSync(dir) : []) {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0);
    if (kilobytes === 0) continue;
    out[canonicalQuantity(`${kilobytes}Ki`)!] = Number(readText(join(dir, name, 'nr_hugepages'))) * kilobytes * 1024;
  }
  return out;
}
