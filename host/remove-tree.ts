// Removing folders that somebody else filled: a container can make trees whose paths are longer
// than the system takes, and deeper than a process has open files. Node.js removes by path and
// stops there; `rm` goes down and up by itself.

import { execFile, execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { rm, rmdir, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { ifThere } from './if-there.ts';

const options = { recursive: true, force: true };
const rmArgs = (path: string) => ['-rf', '--one-file-system', '--', path];

/** Removes whatever is at a path, however deep; nothing there is well. Mounts below it are an error. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, options);
  } catch {
    await promisify(execFile)('rm', rmArgs(path));
  }
}

/** The same for a start, when nobody waits yet. */
export function removeTreeSync(path: string): void {
  try {
    rmSync(path, options);
  } catch {
    execFileSync('rm', rmArgs(path), { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

/** Removes an empty folder, or a file: what something was mounted at. Nothing there is well, what it holds an error. */
export const removePlace = (path: string): Promise<void> =>
  ifThere(rmdir(path).catch((err) => (err.code === 'ENOTDIR' ? unlink(path) : Promise.reject(err))));
