// Removes groups that the OCI runtime left behind when it could not make a container, or was killed while making one.
import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import { readProcessRef, signalProcess } from './process/identity.ts';

const deadlineMs = 5_000;
const retryMs = 20;

/** Version 1's hierarchies; controllers mounted together are links to one, and on a folder nothing may be mounted. */
export function listHierarchies(mountRoot: string): string[] {
  const folders = readdirSync(mountRoot, { withFileTypes: true }).filter((e) => e.isDirectory());
  return folders.map((e) => join(mountRoot, e.name)).filter((dir) => existsSync(join(dir, 'cgroup.procs')));
}

/**
 * Removes a group and those below it, and kills what runs there. A process keeps its group until it is gone as a whole,
 * and nothing tells when that is: it is tried for a while. Throws when something stays. One that is not there is fine.
 */
export async function removeGroup(dir: string, clock: Clock): Promise<void> {
  const endMs = clock.monotonicMs() + deadlineMs;
  while (!(await tryRemove(dir))) {
    if (clock.monotonicMs() > endMs) throw new Error(`processes are left in the control group ${dir}`);
    await killAll(dir);
    await clock.sleep(retryMs);
  }
}

async function tryRemove(dir: string): Promise<boolean> {
  const code = await outcome(rmdir(dir));
  if (code === undefined || code === 'ENOENT') return true;
  if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw new Error(`cannot remove the control group ${dir}: ${code}`);
  for (const below of await groupsBelow(dir)) if (!(await tryRemove(below))) return false;
  const again = await outcome(rmdir(dir));
  return again === undefined || again === 'ENOENT';
}

async function killAll(dir: string): Promise<void> {
  for (const below of await groupsBelow(dir)) await killAll(below);
  const pids = await readFile(join(dir, 'cgroup.procs'), 'utf8').catch(() => '');
  // 0 is one that is not of our pid namespace; for kill it would mean ourselves.
  for (const pid of pids.split('\n').map(Number)) {
    const ref = pid > 0 ? readProcessRef(pid) : null;
    if (ref) signalProcess(ref, 'SIGKILL');
  }
}

async function groupsBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((e) => e.isDirectory()).map((e) => join(dir, e.name));
}

const outcome = (work: Promise<void>) =>
  work.then(
    () => undefined,
    (err: NodeJS.ErrnoException) => err.code ?? String(err),
  );
