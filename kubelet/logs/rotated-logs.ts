// What has been rotated out of a log: so many are kept, and all but the newest are compressed, as a
// reader may still be at that one's end. Readers see the log itself only, as upstream's do.
// Upstream: pkg/kubelet/logs/container_log_manager.go.

import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ifThere } from '../../host/if-there.ts';

const compressed = '.gz';
const unfinished = '.tmp';

/** Keeps the `keep` newest of what was rotated out of the log at `path`, and compresses all of them but the newest. */
export async function tidyRotated(path: string, keep: number): Promise<void> {
  const names = await listRotated(path);
  // What a kubelet that was killed left in two forms, or in half of one.
  const stale = names.filter((name) => name.endsWith(unfinished) || names.includes(name + compressed));
  const rotated = names.filter((name) => !stale.includes(name));
  const surplus = rotated.slice(0, Math.max(0, rotated.length - keep));
  for (const name of [...stale, ...surplus]) await rm(join(dirname(path), name), { force: true });
  for (const name of rotated.slice(surplus.length, -1)) {
    if (!name.endsWith(compressed)) await compress(join(dirname(path), name));
  }
}

/** Removes all that was rotated out of a log. */
export async function removeRotated(path: string): Promise<void> {
  for (const name of await listRotated(path)) await rm(join(dirname(path), name), { force: true });
}

/** The oldest first. */
async function listRotated(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const names = (await ifThere(readdir(dirname(path)))) ?? [];
  return names.filter((name) => name.startsWith(prefix)).sort();
}

/** One that goes with its container meanwhile leaves nothing behind. */
async function compress(path: string): Promise<void> {
  const next = `${path}${compressed}${unfinished}`;
  try {
    await pipeline(createReadStream(path), createGzip(), createWriteStream(next, { mode: 0o640 }));
    await stat(path);
    await rename(next, path + compressed);
    await rm(path, { force: true });
  } catch (err) {
    await rm(next, { force: true });
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
  }
}
