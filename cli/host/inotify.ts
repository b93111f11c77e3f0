// The machine's limits of inotify. A cluster takes an instance a component and, on control groups
// of version 2, one a container (conmon watches for kills by the kernel); Debian's default of 128
// is spent at about fifty pods. Too low a limit is raised, until the next boot.
// https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Least that does for a node full of pods, and what it is raised to. */
const wanted = [
  { name: 'max_user_instances', least: 1024, raised: 8192 },
  { name: 'max_user_watches', least: 65_536, raised: 524_288 },
];

const sysctlFolder = '/proc/sys/fs/inotify';

/** Raises what is too low, and tells of it: a line for each. What cannot be raised is told with the way to do it. */
export function ensureInotifyLimits(say: (line: string) => void, folder = sysctlFolder): void {
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
      writeFileSync(file, `${raised}\n`);
      say(`Raised ${setting} from ${now} to ${raised}, until the next boot`);
    } catch {
      say(`${setting} is ${now}, too low for many pods, and cannot be raised here: sysctl ${setting}=${raised}`);
    }
  }
}
