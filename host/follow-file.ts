// Files that are read again when they change.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../machinery/clock.ts';
import type { Logger } from '../machinery/log.ts';
import { watchFolder } from '../machinery/watch-folder.ts';

/** Writing a file is several events. */
const settleMs = 100;
/** What happens behind a symbolic link is told by nobody. */
const pollMs = 60_000;

/** Calls `lookNow`, which must not fail, when one of the files may have changed, and each minute. Returns how to stop. */
export function followFiles(
  paths: readonly string[],
  lookNow: () => Promise<void>,
  deps: { clock: Clock; log: Logger },
): () => void {
  // One after the other, whichever file has changed.
  let last = Promise.resolve();
  const look = () => {
    last = last.then(lookNow);
  };
  const stops = paths.map((path) => followFile(path, look, deps));
  return () => {
    for (const stop of stops) stop();
  };
}

function followFile(path: string, look: () => void, { clock, log }: { clock: Clock; log: Logger }): () => void {
  let soon: Timer | undefined;
  const changed = () => {
    soon ??= clock.after(settleMs, () => {
      soon = undefined;
      look();
    });
  };
  const poll = clock.every(pollMs, look);
  const watcher = watched(dirname(path), changed, log);
  return () => {
    watcher?.close();
    poll.cancel();
    soon?.cancel();
  };
}

/**
 * Calls `use` when files hold something else than what is known of them. What it cannot use it throws: that is told, and
 * tried again with the next look. Returns how to stop.
 */
export function followContents(
  { paths, known }: { paths: readonly string[]; known: readonly Buffer[] },
  use: (contents: Buffer[]) => void | Promise<void>,
  deps: { clock: Clock; log: Logger },
): () => void {
  const { log } = deps;
  const lookNow = async () => {
    try {
      const contents = paths.map((path) => readFileSync(path));
      if (contents.every((one, i) => one.equals(known[i]!))) return;
      await use(contents);
      known = contents;
      log.info({ paths }, 'files have changed and are in force');
    } catch (err) {
      log.error({ err, paths }, 'files cannot be used; what they held stays in force');
    }
  };
  return followFiles(paths, lookNow, deps);
}

/** Without inotify a change is seen a minute later. */
function watched(dir: string, changed: () => void, log: Logger) {
  const failed = (err: unknown) => log.warn({ err, dir }, 'changes of files are looked for each minute');
  try {
    return watchFolder(dir, changed, { persistent: false }).on('error', failed);
  } catch (err) {
    failed(err);
    return undefined;
  }
}
