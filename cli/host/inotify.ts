// The machine's limits of inotify. A cluster takes an instance a component and, on control groups
// of version 2, one a container (conmon watches for kills by the kernel); Debian's default of 128
// is spent at about fifty pods. Too low a limit is raised, and
// the last cluster puts it back where it still is what we made it.
// https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfExists, writeFileAtomic } from './files.ts';

/** Least that does for a node full of pods, and what it is raised to. */
const wanted = [
  { name: 'max_user_instances', least: 1024, raised: 8192 },
  { name: 'max_user_watches', least: 65_536, raised: 524_288 },
];

const sysctlFolder = '/proc/sys/fs/inotify';

/** By name: what a limit was before the first cluster raised it. */
type Before = Record<string, number>;

/**
 * Raises what is too low, notes in `noteFile` what it was, and tells of it: a line for each. What cannot be raised is
 * told with the way to do it.
 */
export function ensureInotifyLimits(noteFile: string, say: (line: string) => void, folder = sysctlFolder): void {
  const before: Before = JSON.parse(readIfExists(noteFile) ?? '{}');
  for (const { name, least, raised } of wanted) {
    const file = join(folder, name);
    let now: number;
    try {
      now = Number(readFileSync(file, 'utf8'));
    } catch {
      continue; // a kernel without it has nothing to raise
    }
    if (now >= least) continue;
    const setting = `fs.inotify.${name}`;
    try {
      // Noted first: what is noted and was not raised is left alone.
      before[name] = now;
      writeFileAtomic(noteFile, JSON.stringify(before));
      writeFileSync(file, `${raised}\n`);
      say(`Raised ${setting} from ${now} to ${raised}, until the last cluster goes`);
    } catch {
      say(`${setting} is ${now}, too low for many pods, and cannot be raised here: sysctl ${setting}=${raised}`);
    }
  }
}

/** Puts back what `ensureInotifyLimits` raised, unless somebody else has changed it since. */
export function restoreInotifyLimits(noteFile: string, folder = sysctlFolder): void {
  const before: Before = JSON.parse(readIfExists(noteFile) ?? '{}');
  for (const { name, raised } of wanted) {
    const file = join(folder, name);
    if (before[name] === undefined || Number(readIfExists(file)) !== raised) continue;
    writeFileSync(file, `${before[name]}\n`);
  }
  rmSync(noteFile, { force: true });
}
