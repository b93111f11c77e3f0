// Mounting and unmounting, by the mount program: Node has no such calls.
import { readFileSync } from 'node:fs';
import { CommandError } from '../../../host/command.ts';
import { parseMountPoints } from '../../../host/mounts.ts';
import { runCommand } from './command.ts';

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

/** What is mounted at a folder and below it, the latest last. */
export function mountPointsBelow(dir: string): string[] {
  const points = parseMountPoints(readFileSync('/proc/self/mountinfo', 'utf8'));
  return points.filter((point) => point === dir || point.startsWith(`${dir}/`));
}

/** Detaches everything that is mounted at a folder and below it. */
export async function unmountBelow(dir: string): Promise<void> {
  const points = mountPointsBelow(dir).reverse();
  if (points.length === 0) return;
  try {
    await runCommand('umount', ['-n', '-i', '-l', '--', ...points]);
  } catch (err) {
    // Somebody else may have been quicker.
    if (!(err instanceof CommandError) || mountPointsBelow(dir).length > 0) throw err;
  }
}
