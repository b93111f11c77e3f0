// Files and sockets that processes have open, and how many they may open. https://man7.org/linux/man-pages/man5/proc.5.html
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ifThereSync } from '../../host/if-there.ts';

/** Ended meanwhile, or not for us to look into. */
const hidden = ['ESRCH', 'EACCES', 'EPERM'] as const;

/** Of all of them together, as far as we may see. */
export function readOpenFiles(pids: readonly string[], proc = '/proc'): { files: number; sockets: number } {
  const links = pids.flatMap((pid) => {
    const dir = join(proc, pid, 'fd');
    const names = ifThereSync(() => readdirSync(dir), ...hidden) ?? [];
    return names.map((name) => ifThereSync(() => readlinkSync(join(dir, name)), ...hidden));
  });
  return { files: links.length, sockets: links.filter((to) => to?.startsWith('socket:')).length };
}

/** The soft limit of a process; -1 for none, undefined where it cannot be read. */
export function readOpenFilesLimit(pid: string, proc = '/proc'): number | undefined {
  const text = ifThereSync(() => readFileSync(join(proc, pid, 'limits'), 'utf8'), ...hidden);
  const limit = /^Max open files +(\S+)/m.exec(text ?? '')?.[1];
  if (limit === undefined) return undefined;
  return limit === 'unlimited' ? -1 : Number(limit);
}
