// What control groups read from disks and write to them, and packets of pods: what the runtime does not tell.
// https://docs.kernel.org/admin-guide/cgroup-v1/blkio-controller.html (version 2: cgroup-v2.html, io.stat)
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { netDevRows } from '../../host/net-dev.ts';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';
import { isRunning, type RuntimeState } from '../pods/runtime-state.ts';

/** Counts by the part of the name that cAdvisor gives them: `container_fs_<name>_total`. */
export interface DiskUse {
  /** `/dev/sda`. */
  device: string;
  reads_bytes?: number;
  reads?: number;
  writes_bytes?: number;
  writes?: number;
}

type Count = Exclude<keyof DiskUse, 'device'>;

const v1Files: readonly [file: string, Read: Count, Write: Count][] = [
  ['blkio.throttle.io_service_bytes_recursive', 'reads_bytes', 'writes_bytes'],
  ['blkio.throttle.io_serviced_recursive', 'reads', 'writes'],
];
const v2Counts: Readonly<Record<string, Count>> = {
  rbytes: 'reads_bytes',
  rios: 'reads',
  wbytes: 'writes_bytes',
  wios: 'writes',
};

/** `number`: `8:0`. What the kernel has no name for goes by its number. */
function deviceName(number: string): string {
  try {
    return `/dev/${basename(readlinkSync(`/sys/dev/block/${number}`))}`;
  } catch {
    return number;
  }
}

/** Disk by disk; nothing where the kernel does not count. */
export function readDisks(tree: CgroupTree, path: string, nameOf = deviceName): DiskUse[] {
  const found = new Map<string, DiskUse>();
  const note = (number: string, count: Count | undefined, value: string | undefined) => {
    if (!count || !value || !number.includes(':')) return;
    const use = found.get(number) ?? { device: nameOf(number) };
    use[count] = Number(value);
    found.set(number, use);
  };
  const lines = (controller: string, file: string) =>
    (tree.read(controller, path, file) ?? '').split('\n').map((line) => line.split(' '));
  if (tree.version === 1) {
    for (const [file, Read, Write] of v1Files) {
      for (const [number = '', what = '', value] of lines('blkio', file)) note(number, { Read, Write }[what], value);
    }
  } else {
    for (const [number = '', ...pairs] of lines('', 'io.stat')) {
      for (const [name = '', value] of pairs.map((pair) => pair.split('='))) note(number, v2Counts[name], value);
    }
  }
  return [...found.values()];
}

/** Packets of an interface of a pod, by the names of cAdvisor; the kernel tells them of whoever is in its network. */
export function readPackets(
  { containers }: RuntimeState,
  tree: CgroupTree,
  path: string,
  device: string,
): Record<string, number | undefined> {
  for (const { id } of containers.filter(isRunning)) {
    const [pid] = tree.read(tree.version === 1 ? 'pids' : '', `${path}/${id}`, 'cgroup.procs')?.split('\n') ?? [];
    const found = pid ? readDevice(pid, device) : undefined;
    if (found) return found;
  }
  return {};
}

function readDevice(pid: string, device: string): Record<string, number | undefined> | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  } catch {
    return undefined; // gone meanwhile
  }
  const counts =
    netDevRows(text)
      .find(({ name }) => name === device)
      ?.counts.map(Number) ?? [];
  return {
    receive_packets: counts[1],
    receive_packets_dropped: counts[3],
    transmit_packets: counts[9],
    transmit_packets_dropped: counts[11],
  };
}
