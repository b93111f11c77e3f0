// subPath: a part of a volume as a mount of its own. The pod may write to the volume while we look,
// so a path is never trusted twice: it is opened part by part without following links, and what is
// open is bound to a place of ours, which is what the container then mounts. Upstream:
// pkg/volume/util/subpath.

import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readFile, realpath, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ifThere } from '../../host/if-there.ts';
import { parseMountPoints } from '../../host/mounts.ts';
import { ContainerConfigError } from '../spec/environment.ts';

/** Node does not name it: a descriptor that only stands for a file, whatever its kind, and reads nothing. */
const onlyPath = 0o10000000;
const noLink = onlyPath | constants.O_NOFOLLOW;

/** A descriptor's own file, even if its path leads elsewhere by now. */
const pathOf = (handle: FileHandle) => `/proc/self/fd/${handle.fd}`;
const leadsOut = (below: string) =>
  new ContainerConfigError(`failed to prepare subPath for volumeMount: ${below} leads out of the volume`);

export interface SubPaths {
  /** Makes `target` stand for what lies at `below` in the volume, which is made as a folder when it is not there. */
  pin(volume: string, below: string, target: string): Promise<void>;
}

export function createSubPaths(mountInfoFile = '/proc/self/mountinfo'): SubPaths {
  return {
    async pin(volume, below, target) {
      const source = await openSubPath(volume, below);
      try {
        const mounted = parseMountPoints(await readFile(mountInfoFile, 'utf8'));
        await clearPlace(target, mounted.includes(target));
        await mkdir(dirname(target), { recursive: true });
        if ((await source.stat()).isDirectory()) await mkdir(target);
        else await writeFile(target, '');
        await run('mount', ['-n', '--no-canonicalize', '--bind', '/proc/self/fd/3', target], source.fd);
      } finally {
        await source.close();
      }
    },
  };
}

/**
 * Removes what the container's last run had there: the volume may hold something else now. Never
 * what is below a mount.
 */
async function clearPlace(target: string, isMounted: boolean): Promise<void> {
  if (isMounted) await run('umount', [target]);
  try {
    await rmdir(target);
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') await unlink(target);
    else if (code !== 'ENOENT') throw err;
  }
}

/**
 * Opens what lies at a path below a volume; missing folders are made. A link that leads out of the
 * volume is refused.
 */
export async function openSubPath(volume: string, below: string): Promise<FileHandle> {
  const root = await realpath(volume);
  const inside = relative(root, await followLinks(join(root, below)));
  if (inside === '..' || inside.startsWith('../')) throw leadsOut(below);
  let at = await open(root, noLink | constants.O_DIRECTORY);
  try {
    const { mode } = await at.stat();
    for (const part of inside.split('/').filter((p) => p !== '')) {
      const next = await openOrMake(at, part, mode & 0o7777);
      await at.close();
      at = next;
      // There was none a moment ago.
      if ((await at.stat()).isSymbolicLink()) throw leadsOut(below);
    }
    return at;
  } catch (err) {
    await at.close();
    throw err;
  }
}

/** Where a path leads, as far as it exists; the rest as it is. */
async function followLinks(path: string): Promise<string> {
  const real = await ifThere(realpath(path));
  return real ?? join(await followLinks(dirname(path)), path.slice(dirname(path).length));
}

async function openOrMake(dir: FileHandle, name: string, mode: number): Promise<FileHandle> {
  const path = join(pathOf(dir), name);
  const there = await ifThere(open(path, noLink));
  if (there) return there;
  await mkdir(path);
  const made = await open(path, noLink | constants.O_DIRECTORY);
  // As open as the volume itself, whatever the umask.
  await chmod(pathOf(made), mode);
  return made;
}

/** Runs a program; the descriptor is its third. */
function run(program: string, args: readonly string[], fd?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', fd ?? 'ignore'] });
    let complaint = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      complaint += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program}: ${complaint.trim()}`))));
  });
}
