// Mounting and unmounting, by the mount program: Node has no such calls.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from '../../../host/command.ts';
import { isMissingFile } from '../errors.ts';
import { runCommand } from './command.ts';

/** Whether something is mounted at a directory: it is on another device than its parent. */
function isMountPoint(path: string): boolean {
  try {
    return statSync(path).dev !== statSync(dirname(path)).dev;
  } catch (err) {
    if (isMissingFile(err)) return false;
    throw err;
  }
}

export async function mountTmpfs(path: string, options: string): Promise<void> {
  await runCommand('mount', ['-n', '-i', '-t', 'tmpfs', '-o', options, 'shm', path]);
}

export interface OverlayMount {
  /** Relative to `cwd`, topmost first, so that many layers fit into one page of options. */
  lowerDirs: string;
  cwd: string;
  /** Where what is written goes; without it the mount is for reading. */
  writable?: { upperDir: string; workDir: string };
  target: string;
}

export async function mountOverlay({ lowerDirs, cwd, writable, target }: OverlayMount): Promise<void> {
  const above = writable ? `,upperdir=${writable.upperDir},workdir=${writable.workDir}` : '';
  const options = `lowerdir=${lowerDirs}${above}`;
  if (options.length > 4000) throw new Error('the image has more layers than one overlay mount can stack');
  await runCommand('mount', ['-n', '-i', '-t', 'overlay', '-o', options, 'overlay', target], { cwd });
}

/** Detaches what is mounted at a directory, if anything. */
export async function unmount(path: string): Promise<void> {
  if (!isMountPoint(path)) return;
  try {
    await runCommand('umount', ['-n', '-i', '-l', path]);
  } catch (err) {
    if (!(err instanceof CommandError) || isMountPoint(path)) throw err;
  }
}
