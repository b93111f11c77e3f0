// Files and sockets that processes have open, and how many they may open. https://man7.org/linux/man-pages/man5/proc.5.html
import { opendirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ifThereSync } from '../../host/if-there.ts';

/** Ended meanwhile, or not for us to look into. */
const hidden = ['ESRCH', 'EACCES', 'EPERM'] as const;

/** Processes and files looked at for one answer: whoever opens a million of them is not to hold others up. */
const maxLooks = 50_000;

interface OpenFiles {
  files?: number;
  sockets?: number;
}

/** Answers for groups of processes what they have open, as far as we may see; nothing once too much was looked at. */
export function openFilesReader(proc = '/proc', left = maxLooks): (pids: readonly string[]) => OpenFiles {
  return (pids) => {
    const found = { files: 0, sockets: 0 };
    for (const pid of pids) {
      const path = join(proc, pid, 'fd');
      const dir = ifThereSync(() => opendirSync(path), ...hidden);
      const next = () => dir && left-- > 0 && ifThereSync(() => dir.readSync(), ...hidden);
      for (let file = next(); file; file = next()) {
        const to = ifThereSync(() => readlinkSync(join(path, file.name)), ...hidden);
        found.files++;
        if (to?.startsWith('socket:')) found.sockets++;
      }
      dir?.closeSync();
      if (left < 0) return {};
    }
    return found;
  };
}

/** The soft limit of a process; -1 for none, undefined where it cannot be read. */
export function readOpenFilesLimit(pid: string, proc = '/proc'): number | undefined {
  const text = ifThereSync(() => readFileSync(join(proc, pid, 'limits'), 'utf8'), ...hidden);
  const limit = /^Max open files +(\S+)/m.exec(text ?? '')?.[1];
  if (limit === undefined) return undefined;
  return limit === 'unlimited' ? -1 : Number(limit);
}
