// What is mounted where, and mounting: Node cannot mount, so mount(8) does. The mount table says
// what is there, so that a restarted process does not mount twice and removes nothing that is still
// mounted: that may be a user's data.
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { removeTree } from './remove-tree.ts';

const run = promisify(execFile);

export type Mounts = ReturnType<typeof openMounts>;

interface MountPoint {
  device: string;
  /** What of the file system is mounted. */
  root: string;
  path: string;
  options: string;
}

const decodePath = (text = '') =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function parseMounts(mountInfo: string): MountPoint[] {
  const lines = mountInfo.split('\n').map((line) => line.split(' '));
  return lines
    .filter((parts) => parts.length > 4)
    .map(([, , device = '', root, path, options = '']) => {
      return { device, root: decodePath(root), path: decodePath(path), options };
    });
}

/** Mount points, the latest last. */
export const parseMountPoints = (mountInfo: string): string[] => parseMounts(mountInfo).map(({ path }) => path);

const contains = (dir: string, path: string) => path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);
/** What is below a folder, when the folder is another one. */
const moved = (path: string, from: string, to: string) =>
  `${to}/${path.slice(from.length)}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');

/** What holds a path: the longest is on top; of several at one place, the last. */
function holderOf(mounts: readonly MountPoint[], path: string): MountPoint | undefined {
  const longer = (a: MountPoint | undefined, b: MountPoint) => (a && a.path.length > b.path.length ? a : b);
  return mounts.filter((one) => contains(one.path, path)).reduce<MountPoint | undefined>(longer, undefined);
}

/** Whether the mount that holds `path`, a real path, is only for reading, by the text of mountinfo. */
export const isReadOnlyMount = (path: string, mountInfo: string): boolean =>
  holderOf(parseMounts(mountInfo), path)?.options.split(',').includes('ro') ?? false;

/** Whether the folder is mounted anywhere, by the text of mountinfo. */
export function isShownIn(mountInfo: string, dir: string): boolean {
  const mounts = parseMounts(mountInfo);
  const home = holderOf(mounts, dir);
  if (!home) return false;
  const inside = moved(dir, home.path, home.root);
  return mounts.some(({ device, root }) => device === home.device && root === inside);
}

export function openMounts(mountInfoFile = '/proc/self/mountinfo') {
  const mountPoints = async () => parseMountPoints(await readFile(mountInfoFile, 'utf8'));
  const unmountAll = async (concerns: (path: string) => boolean) => {
    const found = (await mountPoints()).filter(concerns);
    for (const path of found.reverse()) await run('umount', ['--', path]);
  };
  const isMounted = async (path: string) => (await mountPoints()).includes(path);
  return {
    isMounted,
    /** Whether a folder, named without links, is shown at another place too. */
    isShown: async (dir: string) => isShownIn(await readFile(mountInfoFile, 'utf8'), dir),
    /** Mounts a tmpfs on a folder unless something is mounted there. */
    async tmpfs(dir: string, options: string) {
      await mkdir(dir, { recursive: true });
      if (!(await isMounted(dir))) await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
    },
    /**
     * Makes `target`, which is there, show what lies at `source`, unless something is mounted there; `nosymfollow`: links
     * on a path in it lead nowhere.
     */
    async bind(source: string, target: string, options: readonly ('ro' | 'nosymfollow')[] = []) {
      if (!(await isMounted(target))) await run('mount', ['-n', '--bind', '--', source, target]);
      // Also where the last process was killed between the two.
      if (options.length > 0) await run('mount', ['-n', '-o', ['remount,bind', ...options].join(','), '--', target]);
    },
    /** Mounts a file system of a type on a folder unless something is mounted there. */
    async mount(type: string, target: string, { source, options }: { source: string; options: readonly string[] }) {
      const given = options.length > 0 ? ['-o', options.join(',')] : [];
      if (!(await isMounted(target))) await run('mount', ['-n', '-t', type, ...given, '--', source, target]);
    },
    /** Unmounts all that is mounted on a path; nothing is well. */
    unmount: (path: string) => unmountAll((at) => at === path),
    /** Unmounts whatever is mounted below a folder. */
    unmountBelow: (dir: string) => unmountAll((at) => at.startsWith(`${dir}/`)),
    /** Removes a tree. Throws, and removes nothing, while anything is mounted at it or below. */
    async removeTree(dir: string) {
      const left = (await mountPoints()).find((at) => at === dir || at.startsWith(`${dir}/`));
      if (left !== undefined) throw new Error(`${left} is still mounted: ${dir} is not removed`);
      await removeTree(dir);
    },
  };
}
