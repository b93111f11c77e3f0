// Mounting tmpfs: once for all volumes that must stay in memory, and one by one for emptyDirs of
// medium Memory. Node cannot mount, so mount(8) does; the mount table says what is mounted, so that
// a restarted kubelet does not mount twice.
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Tmpfs {
  /** Mounts a tmpfs on a folder unless something is mounted there. */
  mount(dir: string, options: string): Promise<void>;
  /** Unmounts whatever is mounted below a folder. */
  unmountBelow(dir: string): Promise<void>;
}

/** Mount points, the latest last. */
export function parseMountPoints(mountInfo: string): string[] {
  return mountInfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path !== '')
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
}

export function createTmpfs(mountInfoFile = '/proc/self/mountinfo'): Tmpfs {
  const mountPoints = async () => parseMountPoints(await readFile(mountInfoFile, 'utf8'));
  return {
    async mount(dir, options) {
      await mkdir(dir, { recursive: true });
      if ((await mountPoints()).includes(dir)) return;
      await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
    },
    async unmountBelow(dir) {
      const below = (await mountPoints()).filter((path) => path.startsWith(`${dir}/`));
      for (const path of below.reverse()) await run('umount', [path]);
    },
  };
}
