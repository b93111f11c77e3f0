// Mounting and unmounting, by the launcher: Node has no such calls. https://man7.org/linux/man-pages/man2/mount.2.html
import { readFileSync } from 'node:fs';
import { CommandError } from '../../../host/command.ts';
import { parseMountPoints } from '../../../host/mounts.ts';
import { launcher } from './launcher.ts';

/** MS_NOSUID, MS_NODEV, MS_NOEXEC. */
const dataOnly = 2 | 4 | 8;

interface Mount {
  type: string;
  source: string;
  target: string;
  /** MS_* of mount(2). */
  flags?: number;
  /** The file system's own options. */
  data: string;
}

async function mount({ type, source, target, flags = 0, data }: Mount, cwd?: string): Promise<void> {
  const argv = [':mount', type, source, target, String(flags), data];
  const { exitCode, stderr } = await launcher.launch({ argv, cwd });
  if (exitCode !== 0) throw new CommandError('mount', exitCode, stderr);
}

/** A file system in memory for data; `options` are tmpfs' own (`size=4k`). */
export async function mountTmpfs(target: string, options: string): Promise<void> {
  await mount({ type: 'tmpfs', source: 'shm', target, flags: dataOnly, data: options });
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
  const data = `lowerdir=${lowerDirs}${above}`;
  if (data.length > 4000) throw new Error('the image has more layers than one overlay mount can stack');
  await mount({ type: 'overlay', source: 'overlay', target, data }, cwd);
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
  const { exitCode, stderr } = await launcher.launch({ argv: [':detach', ...points] });
  // Somebody else may have been quicker.
  if (exitCode !== 0 && mountPointsBelow(dir).length > 0) throw new CommandError('umount', exitCode, stderr);
}
