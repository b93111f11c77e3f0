// What a control group as a whole uses: the node, or all pods together.
import { type Pressure, parsePressure } from '../../host/pressure.ts';
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
  swapBytes?: number;
  pressure: { cpu?: Pressure; memory?: Pressure; io?: Pressure };
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
    swapBytes: isV1 ? counted('swap') : number(tree.read('', path, 'memory.swap.current'), /^(\d+)/),
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
  return text === undefined ? undefined : parsePressure(text);
}
