// What of the node is free now. Upstream: makeSignalObservations in eviction/helpers.go.
import { readFileSync, statfsSync } from 'node:fs';
import type { NodeFacts } from '../node/node-facts.ts';
import type { GroupUse } from '../server/group-use.ts';
import type { Observations } from './thresholds.ts';

export interface NodeSignalsDeps {
  facts: NodeFacts;
  /** Where pods write to, and where images lie. */
  rootDir: string;
  imageDir(): string | undefined;
  nodeUsage(): GroupUse | undefined;
}

export function readNodeSignals({ facts, rootDir, imageDir, nodeUsage }: NodeSignalsDeps): Observations {
  const images = imageDir();
  const nodeFs = readFileSystem(rootDir);
  const imageFs = images === undefined ? nodeFs : readFileSystem(images);
  return {
    'memory.available': readMemory(facts.memoryBytes, nodeUsage()),
    ...(nodeFs ? { 'nodefs.available': nodeFs.bytes, 'nodefs.inodesFree': nodeFs.inodes } : {}),
    ...(imageFs ? { 'imagefs.available': imageFs.bytes, 'imagefs.inodesFree': imageFs.inodes } : {}),
    'pid.available': readPids(facts.maxPids),
  };
}

/** What the node's own group leaves, unless others have left less of the machine. */
function readMemory(capacity: number, usage: GroupUse | undefined) {
  const machine = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
  const own = Math.max(0, capacity - (usage?.workingSetBytes ?? 0));
  return { available: Math.min(machine, own), capacity };
}

function readFileSystem(path: string) {
  try {
    const { blocks, bavail, bsize, files, ffree } = statfsSync(path);
    return {
      bytes: { available: bavail * bsize, capacity: blocks * bsize },
      // Some file systems make inodes as they need them, and count none.
      inodes: files > 0 ? { available: ffree, capacity: files } : { available: 1, capacity: 1 },
    };
  } catch {
    return undefined; // it is just being made, or unmounted
  }
}

function readPids(capacity: number) {
  const threads = Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1] ?? 0);
  return { available: Math.max(0, capacity - threads), capacity };
}
