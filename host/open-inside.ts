// Opens files that somebody else may replace at any time, and never one outside of a folder.
import { constants, type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { sep } from 'node:path';

/**
 * What a path leads to, open for reading, if that lies below `root`, a real path; does not wait for the other end of a
 * pipe. Undefined for what is not there, cannot be opened, or lies elsewhere.
 */
export async function openInside(root: string, path: string): Promise<FileHandle | undefined> {
  const isInside = (real: string | undefined) => real === root || real?.startsWith(`${root}${sep}`);
  const none = () => undefined;
  if (!isInside(await realpath(path).catch(none))) return undefined;
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(none);
  // Somebody may have put a link there meanwhile.
  if (!file || isInside(await readlink(`/proc/self/fd/${file.fd}`))) return file;
  await file.close();
  return undefined;
}
