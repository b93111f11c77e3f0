// Resource use, read from cgroup files and /proc. Rates are left to the caller, who knows between which two samples.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureFolder } from '../../host/folder-size.ts';
import { ifThereSync } from '../../host/if-there.ts';
import { netDevRows } from '../../host/net-dev.ts';
import { type PressureData, parsePressure } from '../../host/pressure.ts';
import type {
  ContainerStats,
  CpuUsage,
  FilesystemUsage,
  IoUsage,
  MemoryUsage,
  NetworkInterfaceUsage,
  PsiData,
  PsiStats,
  SwapUsage,
} from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import type { Cgroups } from './cgroup.ts';
import { upperDirOf } from './lifecycle/paths.ts';
import type { Runtime } from './runtime.ts';
import { nowNs } from './store/id.ts';
import { type ContainerRecord, stateOf } from './store/records.ts';

const value = (n: bigint | number | string) => ({ value: String(n) });

/** Reads `name value` lines, as in memory.stat. */
function parseFlatKeyed(text: string): Map<string, bigint> {
  const out = new Map<string, bigint>();
  for (const line of text.split('\n')) {
    const [key, number] = line.split(' ');
    if (key && number && /^\d+$/.test(number)) out.set(key, BigInt(number));
  }
  return out;
}

const psiData = ({ total, avg10, avg60, avg300 }: PressureData): Init<PsiData> => {
  return { Total: String(total), Avg10: avg10, Avg60: avg60, Avg300: avg300 };
};

/** How long tasks of the group waited for it, as the kernel writes it; null where it does not count (on version 1, for one). */
function readPressure(cgroups: Cgroups, path: string, what: 'cpu' | 'memory' | 'io'): Init<PsiStats> | null {
  const text = cgroups.facts.version === 1 ? null : cgroups.read('', path, `${what}.pressure`);
  if (text === null) return null;
  const { full, some } = parsePressure(text);
  return { Full: psiData(full), Some: psiData(some) };
}

export function readIo(cgroups: Cgroups, path: string, timestamp: string): Init<IoUsage> | null {
  const psi = readPressure(cgroups, path, 'io');
  return psi && { timestamp, psi };
}

export function readCpu(cgroups: Cgroups, path: string, timestamp: string): Init<CpuUsage> | null {
  if (cgroups.facts.version === 1) {
    const usage = cgroups.read('cpuacct', path, 'cpuacct.usage');
    return usage === null ? null : { timestamp, usage_core_nano_seconds: value(usage.trim()) };
  }
  const text = cgroups.read('', path, 'cpu.stat');
  const usec = text === null ? undefined : parseFlatKeyed(text).get('usage_usec');
  if (usec === undefined) return null;
  return { timestamp, usage_core_nano_seconds: value(usec * 1000n), psi: readPressure(cgroups, path, 'cpu') };
}

/** A limit so high that it means none. */
const unlimited = 1n << 60n;

export function readMemory(cgroups: Cgroups, path: string, timestamp: string): Init<MemoryUsage> | null {
  const v1 = cgroups.facts.version === 1;
  const usageText = cgroups.read('memory', path, v1 ? 'memory.usage_in_bytes' : 'memory.current');
  const statText = cgroups.read('memory', path, 'memory.stat');
  if (usageText === null || statText === null) return null;
  const stat = parseFlatKeyed(statText);
  const usage = BigInt(usageText.trim());
  const pick = (name: string) => stat.get(name) ?? 0n;
  const inactive = pick(v1 ? 'total_inactive_file' : 'inactive_file');
  const workingSet = usage > inactive ? usage - inactive : 0n;
  const limitText = cgroups.read('memory', path, v1 ? 'memory.limit_in_bytes' : 'memory.max')?.trim() ?? 'max';
  const limit = limitText === 'max' ? unlimited : BigInt(limitText);
  return {
    timestamp,
    usage_bytes: value(usage),
    working_set_bytes: value(workingSet),
    rss_bytes: value(pick(v1 ? 'total_rss' : 'anon')),
    page_faults: value(pick(v1 ? 'total_pgfault' : 'pgfault')),
    major_page_faults: value(pick(v1 ? 'total_pgmajfault' : 'pgmajfault')),
    psi: readPressure(cgroups, path, 'memory'),
    ...(limit < unlimited ? { available_bytes: value(limit > workingSet ? limit - workingSet : 0n) } : {}),
  };
}

/** Null where the kernel does not count it. On version 1 limits are of memory and swap together. */
export function readSwap(cgroups: Cgroups, path: string, timestamp: string): Init<SwapUsage> | null {
  if (cgroups.facts.version === 1) {
    const used = parseFlatKeyed(cgroups.read('memory', path, 'memory.stat') ?? '').get('total_swap');
    return used === undefined ? null : { timestamp, swap_usage_bytes: value(used) };
  }
  const [used, limit] = ['current', 'max'].map((what) => cgroups.read('', path, `memory.swap.${what}`)?.trim());
  if (!used) return null;
  const left = limit && limit !== 'max' ? BigInt(limit) - BigInt(used) : undefined;
  const available = left === undefined ? {} : { swap_available_bytes: value(left > 0n ? left : 0n) };
  return { timestamp, swap_usage_bytes: value(used), ...available };
}

export async function fsUsage(dir: string, mountpoint: string, timestamp: string): Promise<Init<FilesystemUsage>> {
  const { bytes, inodes } = await measureFolder(dir);
  return { timestamp, fs_id: { mountpoint }, used_bytes: value(bytes), inodes_used: value(inodes) };
}

export async function containerStatsOf(rt: Runtime, container: ContainerRecord): Promise<Init<ContainerStats>> {
  const { id, config, cgroupPath } = container;
  const timestamp = nowNs(rt.clock);
  const running = stateOf(container) === 'CONTAINER_RUNNING';
  return {
    attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
    cpu: running ? readCpu(rt.cgroups, cgroupPath, timestamp) : null,
    memory: running ? readMemory(rt.cgroups, cgroupPath, timestamp) : null,
    swap: running ? readSwap(rt.cgroups, cgroupPath, timestamp) : null,
    io: running ? readIo(rt.cgroups, cgroupPath, timestamp) : null,
    writable_layer: await fsUsage(upperDirOf(rt, id), rt.containers.dir, timestamp),
  };
}

/** Parses /proc/PID/net/dev without loopback. */
export function parseNetDev(text: string): Init<NetworkInterfaceUsage>[] {
  return netDevRows(text)
    .filter(({ name }) => name !== 'lo')
    .map(({ name, counts }) => ({
      name,
      rx_bytes: value(counts[0]!),
      rx_errors: value(counts[2]!),
      tx_bytes: value(counts[8]!),
      tx_errors: value(counts[10]!),
    }));
}

/** Traffic of the network namespace of a process; nothing when it is gone. */
export function readNetwork(pid: number): Init<NetworkInterfaceUsage>[] {
  try {
    return parseNetDev(readFileSync(`/proc/${pid}/net/dev`, 'latin1'));
  } catch {
    // The process ended; so did its namespace.
    return [];
  }
}

/** How many processes share a pid namespace's cgroups: counted by the files of the pod's cgroups. */
export function countProcesses(cgroups: Cgroups, path: string): number {
  const own = (cgroups.read('pids', path, 'cgroup.procs') ?? '').split('\n').filter((line) => line !== '').length;
  const root = cgroups.facts.version === 1 ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
  const entries = ifThereSync(() => readdirSync(join(root, path), { withFileTypes: true }), 'ENOTDIR') ?? [];
  const children = entries.filter((e) => e.isDirectory());
  return children.reduce((sum, child) => sum + countProcesses(cgroups, join(path, child.name)), own);
}
