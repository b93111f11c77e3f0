// The host's control groups: version 1 (one tree a controller, perhaps with an empty version 2 tree beside them) or
// version 2. A cluster owns one folder, k8ts/<cluster>, in every tree, and removes it at `down`.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ifThereSync } from '../../host/if-there.ts';
import { realClock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import { errnoOf, UserError } from '../user-error.ts';
import { findProcess, type ProcessRef, signalProcess, waitForExit } from './processes.ts';

export interface Hierarchy {
  /** `memory`, `cpu,cpuacct`, `name=systemd`; empty for version 2. */
  controllers: string;
  mountPoint: string;
}

export interface CgroupTrees {
  /** Which version carries the controllers. */
  version: 1 | 2;
  hierarchies: Hierarchy[];
}

/** Finds the trees from the text of /proc/self/cgroup and /proc/self/mountinfo. */
export function parseCgroups(cgroupText: string, mountInfoText: string): CgroupTrees {
  const mounts = mountInfoText
    .split('\n')
    .filter((line) => line.includes(' - cgroup'))
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [fsType = '', , options = ''] = right.split(' ');
      return { fsType, mountPoint: left.split(' ')[4]!, options: options.split(',') };
    });
  const hierarchies: Hierarchy[] = [];
  for (const line of cgroupText.trim().split('\n')) {
    const [id, controllers = ''] = line.split(':');
    const mount =
      id === '0'
        ? mounts.find((m) => m.fsType === 'cgroup2')
        : mounts.find((m) => m.fsType === 'cgroup' && controllers.split(',').every((c) => m.options.includes(c)));
    if (mount) hierarchies.push({ controllers: id === '0' ? '' : controllers, mountPoint: mount.mountPoint });
  }
  return { version: hierarchies.some((h) => /^(.*,)?memory(,|$)/.test(h.controllers)) ? 1 : 2, hierarchies };
}

export function readCgroups(): CgroupTrees {
  const trees = parseCgroups(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'));
  if (trees.hierarchies.length > 0) return trees;
  throw new UserError('no control groups are mounted', {
    hint: 'Mount cgroup v2: mount -t cgroup2 none /sys/fs/cgroup',
  });
}

/** The folders of a group in every tree. */
export function groupDirs(trees: CgroupTrees, group: string): string[] {
  return trees.hierarchies.map((h) => join(h.mountPoint, group));
}

export function groupExists(trees: CgroupTrees, group: string): boolean {
  return groupDirs(trees, group).some((dir) => existsSync(dir));
}

export function procsFiles(trees: CgroupTrees, group: string): string[] {
  return groupDirs(trees, group).map((dir) => join(dir, 'cgroup.procs'));
}

/**
 * Makes a group and those above it in every tree. On version 2 those above hand their controllers down, so no process
 * may be in them; the root is the host's (cgroup-root.ts).
 */
export function makeGroup(trees: CgroupTrees, group: string): void {
  const parts = group.split('/');
  for (const tree of trees.hierarchies) {
    for (let i = 1; i <= parts.length; i++) {
      const dir = join(tree.mountPoint, ...parts.slice(0, i));
      if (trees.version === 2 && i > 1) delegateControllers(dirname(dir));
      makeFolder(dir);
      if (tree.controllers.split(',').includes('cpuset')) inheritCpuset(dir);
    }
  }
}

function makeFolder(dir: string): void {
  try {
    if (!existsSync(dir)) mkdirSync(dir);
  } catch (err) {
    throw new UserError(`control groups cannot be changed: ${messageOf(err)}`, {
      hint: 'They must be writable: in a container, run it privileged (docker run --privileged).',
      cause: err,
    });
  }
}

// A version 1 cpuset starts empty, and a process cannot enter it until it has processors and memory nodes.
function inheritCpuset(dir: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(join(dir, file), 'utf8').trim() !== '') continue;
    writeFileSync(join(dir, file), readFileSync(join(dirname(dir), file), 'utf8'));
  }
}

/** What pods are limited by and measured with. Others are not for us to switch on. */
export const neededControllers = ['cpu', 'cpuset', 'memory', 'pids', 'hugetlb'];

/** The controllers that a file of a version 2 group names. */
export function controllersOf(dir: string, file: 'cgroup.controllers' | 'cgroup.subtree_control'): string[] {
  return readFileSync(join(dir, file), 'utf8').trim().split(' ').filter(Boolean);
}

/** Version 2: lets the groups below `dir` use the controllers that pods need. */
function delegateControllers(dir: string): void {
  const enabled = controllersOf(dir, 'cgroup.subtree_control');
  const missing = controllersOf(dir, 'cgroup.controllers').filter(
    (name) => neededControllers.includes(name) && !enabled.includes(name),
  );
  for (const controller of missing) writeFileSync(join(dir, 'cgroup.subtree_control'), `+${controller}`);
}

/** A group and those below it, the lowest first. */
function listGroup(dir: string): string[] {
  const entries = unlessGone(() => readdirSync(dir, { withFileTypes: true }));
  if (!entries) return [];
  const below = entries.filter((entry) => entry.isDirectory());
  return [...below.flatMap((entry) => listGroup(join(dir, entry.name))), dir];
}

/** What a read of a group finds, or undefined where it is gone: a runtime may be clearing it away at the same time. */
const unlessGone = <T>(read: () => T) => ifThereSync(read, 'ENODEV');

/** Every process in a group or below it, in any tree. */
export function processesInGroup(trees: CgroupTrees, group: string): ProcessRef[] {
  const pids = new Set<number>();
  for (const dir of groupDirs(trees, group).flatMap(listGroup)) {
    const text = unlessGone(() => readFileSync(join(dir, 'cgroup.procs'), 'utf8')) ?? '';
    for (const pid of text.split('\n')) if (pid !== '') pids.add(Number(pid));
  }
  return [...pids].map(findProcess).filter((ref) => ref !== undefined);
}

const killAttempts = 4; // a process may fork while we look

/** Ends every process in a group by SIGKILL and removes the group from every tree. */
export async function removeGroup(trees: CgroupTrees, group: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const left = processesInGroup(trees, group);
    if (left.length === 0) break;
    if (attempt > killAttempts) {
      throw new UserError(`processes ${left.map((ref) => ref.pid).join(', ')} do not end`, {
        hint: 'They hang in the kernel, most often on storage that does not answer. Run the same command again later.',
      });
    }
    for (const ref of left) signalProcess(ref, 'SIGKILL');
    await Promise.all(left.map((ref) => waitForExit(ref, 5_000)));
  }
  for (const dir of groupDirs(trees, group).flatMap(listGroup)) await removeEmptyGroup(dir);
}

const removeAttempts = 200;

// A zombie that its parent has not reaped keeps a group busy for a moment.
async function removeEmptyGroup(dir: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return rmdirSync(dir);
    } catch (err) {
      if (errnoOf(err) === 'ENOENT') return;
      if (errnoOf(err) !== 'EBUSY' || attempt === removeAttempts) throw err;
      await realClock.sleep(10);
    }
  }
}

/** Removes a group that the last cluster has left empty; other clusters keep it. Answers whether it is gone. */
export function removeGroupIfEmpty(trees: CgroupTrees, group: string): boolean {
  const dirs = groupDirs(trees, group).filter((dir) => existsSync(dir));
  for (const dir of dirs) ifThereSync(() => rmdirSync(dir), 'EBUSY', 'ENOTEMPTY');
  return !groupExists(trees, group);
}
