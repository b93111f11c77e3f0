// What of a request names a group or a file of one: all of it becomes part of a path that we or the
// OCI runtime write to.
import type { LinuxContainerResources } from '../../../proto/cri.gen.ts';
import { invalidArgument } from '../errors.ts';

const maxParentLength = 2048;
const maxNameLength = 255;
const unifiedKey = /^[a-z0-9_]+\.[a-zA-Z0-9_.]+$/;
const pageSize = /^[0-9]+[KMG]B$/;
/** As much of a foreign text as a message shows. */
const shownLength = 100;

const quote = (text: string) => JSON.stringify(text.length > shownLength ? `${text.slice(0, shownLength)}...` : text);

/** Throws INVALID_ARGUMENT for a parent that is no cgroupfs path below ours; the empty one is our own group. */
export function checkCgroupParent(parent: string): void {
  const refuse = (why: string) => invalidArgument(`invalid cgroup_parent ${quote(parent)}: ${why}`);
  if (parent.length > maxParentLength) throw refuse(`it is longer than ${maxParentLength} characters`);
  const names = parent.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..')) throw refuse('it must not contain "." or ".."');
  if (names.some((name) => Buffer.byteLength(name) > maxNameLength))
    throw refuse(`a name in it is longer than ${maxNameLength} bytes`);
  // The kernel has no groups with a line break, and these end or split the path for those who read it.
  if (/[\0\n]/.test(parent)) throw refuse('it must not contain NUL or a line break');
  if (names.at(-1)?.endsWith('.slice')) throw refuse('it is a systemd slice, and this runtime takes cgroupfs paths');
}

/** What the kernel takes, in microseconds; 0 is no wish, and below it there is no limit. */
const periodRange = [1_000, 1_000_000] as const;
const quotaRange = [1_000, (2 ** 44 - 1) / 1_000] as const;

function checkTime(name: string, value: string | number, [least, most]: readonly [number, number]): void {
  const microseconds = Number(value);
  if (microseconds <= 0 || (microseconds >= least && microseconds <= most)) return;
  throw invalidArgument(`invalid ${name} ${value}: it must be between ${least} and ${Math.floor(most)} microseconds`);
}

/**
 * Throws INVALID_ARGUMENT when a key of `unified` or a size of huge pages is no part of a controller's file name, and
 * for times that the kernel refuses.
 */
export function checkResources(resources: LinuxContainerResources | null | undefined): void {
  checkTime('cpu_period', resources?.cpu_period ?? 0, periodRange);
  checkTime('cpu_quota', resources?.cpu_quota ?? 0, quotaRange);
  for (const key of Object.keys(resources?.unified ?? {})) {
    if (!unifiedKey.test(key) || key.startsWith('cgroup.'))
      throw invalidArgument(
        `invalid key ${quote(key)} in unified resources: it must be a controller's file, <controller>.<name>`,
      );
  }
  for (const { page_size } of resources?.hugepage_limits ?? []) {
    if (!pageSize.test(page_size))
      throw invalidArgument(`invalid page_size ${quote(page_size)}: it must be like "2MB"`);
  }
}
