// subPath: a part of a volume as a mount of its own. The pod may write to the volume while we look,
// so a path is never trusted twice: it is opened part by part without following links, and what is
// open is bound to a place of ours, which is what the container then mounts. Upstream:
// pkg/volume/util/subpath.

import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, realpath, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { runCommand } from '../../host/command.ts';
import { ifThere } from '../../host/if-there.ts';
import type { Mounts } from '../../host/mounts.ts';
import { removePlace } from '../../host/remove-tree.ts';
import { ContainerConfigError } from '../spec/environment.ts';

/** Node does not name it: a descriptor that only stands for a file, whatever its kind, and reads nothing. */
const onlyPath = 0o10000000;
const noLink = onlyPath | constants.O_NOFOLLOW;

/** A descriptor's own file, even if its path leads elsewhere by now. */
const pathOf = (handle: FileHandle) => `/proc/self/fd/${handle.fd}`;
const leadsOut = (below: string) =>
  new ContainerConfigError(`failed to prepare subPath for volumeMount: ${below} leads out of the volume`);

/** Makes `target` stand for what lies at `below` in the volume, which is made as a folder when it is not there. */
export async function pinSubPath(
  mounts: Pick<Mounts, 'unmount'>,
  { volume, below }: { volume: string; below: string },
  target: string,
): Promise<void> {
  const source = await openSubPath(volume, below);
  try {
    // What the container's last run had there: the volume may hold something else now. Never what is below a mount.
    await mounts.unmount(target);
    await removePlace(target);
    await mkdir(dirname(target), { recursive: true });
    if ((await source.stat()).isDirectory()) await mkdir(target);
    else await writeFile(target, '');
    const args = ['-n', '--no-canonicalize', '--bind', '/proc/self/fd/0', target];
    await runCommand('mount', args, { input: source.fd });
  } finally {
    await source.close();
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
