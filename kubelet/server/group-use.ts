// What a control group as a whole uses: the node, or all pods together.
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';

/** What the kernel does not count is undefined. */
export interface GroupUse {
  atMs: number;
  cpuSeconds: number;
  usageBytes: number;
  workingSetBytes: number;
  rssBytes?: number;
  pageFaults?: number;
  majorPageFaults?: number;
  /** What it may use at most; undefined without a limit. */
  limitBytes?: number;
  pressure: { cpu?: Pressure; memory?: Pressure; io?: Pressure };
}

/** How long tasks waited: `total` in microseconds, averages in percent. https://docs.kernel.org/accounting/psi.html */
export interface PressureData {
  total: number;
  avg10: number;
  avg60: number;
  avg300: number;
}

export interface Pressure {
  full: PressureData;
  some: PressureData;
}

/** A limit so high that it means none. */
const unlimited = 2 ** 60;

/** Undefined where the group is not there, or the root lacks the files. */
export function readGroupUse(tree: CgroupTree, path: string, atMs: number): GroupUse | undefined {
  const isV1 = tree.version === 1;
  const number = (text: string | undefined, pattern: RegExp) => {
    const found = pattern.exec(text ?? '')?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const cpuNanos = isV1
    ? number(tree.read('cpuacct', path, 'cpuacct.usage'), /^(\d+)/)
    : (number(tree.read('', path, 'cpu.stat'), /^usage_usec (\d+)/m) ?? Number.NaN) * 1e3;
  const usageBytes = number(tree.read('memory', path, isV1 ? 'memory.usage_in_bytes' : 'memory.current'), /^(\d+)/);
  const stat = tree.read('memory', path, 'memory.stat');
  const counted = (name: string) => number(stat, new RegExp(`^${isV1 ? 'total_' : ''}${name} (\\d+)`, 'm'));
  const idle = counted('inactive_file');
  if (!Number.isFinite(cpuNanos) || usageBytes === undefined || idle === undefined) return undefined;
  const limit = number(tree.read('memory', path, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), /^(\d+)/);
  return {
    atMs,
    cpuSeconds: cpuNanos! / 1e9,
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - idle),
    rssBytes: counted(isV1 ? 'rss' : 'anon'),
    pageFaults: counted('pgfault'),
    majorPageFaults: counted('pgmajfault'),
    limitBytes: limit !== undefined && limit < unlimited ? limit : undefined,
    pressure: {
      cpu: readPressure(tree, path, 'cpu'),
      memory: readPressure(tree, path, 'memory'),
      io: readPressure(tree, path, 'io'),
    },
  };
}

/** Counted on version 2 alone. */
export function readPressure(tree: CgroupTree, path: string, what: 'cpu' | 'memory' | 'io'): Pressure | undefined {
  const text = tree.version === 1 ? undefined : tree.read('', path, `${what}.pressure`);
  if (text === undefined) return undefined;
  const data = (word: string): PressureData => {
    const line = new RegExp(`^${word} (.*)$`, 'm').exec(text)?.[1] ?? '';
    const field = (name: string) => Number(new RegExp(`\\b${name}=([\\d.]+)`).exec(line)?.[1] ?? 0);
    return { total: field('total'), avg10: field('avg10'), avg60: field('avg60'), avg300: field('avg300') };
  };
  return { full: data('full'), some: data('some') };
}
