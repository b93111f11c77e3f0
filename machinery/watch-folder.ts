// Watching a folder, by inotify. Its limits are the user's, over all programs of the machine, and
// the kernel's words for them ("too many open files", "no space left on device") mislead everybody:
// here they are called by the names they are raised by. On the short list of machinery files that
// may import node:.
import { type FSWatcher, readFileSync, watch } from 'node:fs';

type FolderChange = (event: 'rename' | 'change', name: string | null) => void;

const limits: Record<string, { name: string; what: string; enough: number }> = {
  EMFILE: { name: 'max_user_instances', what: 'inotify instances', enough: 8192 },
  ENOSPC: { name: 'max_user_watches', what: 'inotify watches', enough: 524_288 },
};

/** What an error of watching means, with the way out, where it is a limit of the kernel's. */
export function explainWatchError(dir: string, err: unknown): Error {
  const limit = limits[(err as NodeJS.ErrnoException).code ?? ''];
  if (!limit) return err as Error;
  const name = `fs.inotify.${limit.name}`;
  const text =
    `cannot watch ${dir}: all ${limit.what} of the user are taken (${name} is ${readLimit(limit.name)}); ` +
    `raise it: sysctl ${name}=${limit.enough}`;
  return Object.assign(new Error(text, { cause: err }), { code: (err as NodeJS.ErrnoException).code });
}

function readLimit(name: string): string {
  try {
    return readFileSync(`/proc/sys/fs/inotify/${name}`, 'utf8').trim();
  } catch {
    return 'not known';
  }
}

/**
 * Calls `onChange` for what happens in the folder, until it is closed. Throws, and its `error`
 * event has, what can be done about it.
 */
export function watchFolder(dir: string, onChange: FolderChange, options: { persistent?: boolean } = {}): FSWatcher {
  try {
    return watch(dir, options, (event, name) => onChange(event, name));
  } catch (err) {
    throw explainWatchError(dir, err);
  }
}
