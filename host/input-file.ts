// What a program is to read on its standard input, as a file that has no name and is gone when nobody has it open. A pipe
// would not do: where we are killed while we still write, the program takes what it has for all, and half a script for nft
// leaves out half of the services.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';

// Not in the constants of Node.
const unnamedFile = 0o20_000_000 | constants.O_DIRECTORY | constants.O_RDWR;

/** Opens a file with the text, at its beginning. The caller closes it; a program that was started with it has its own. */
export function openInputFile(text: string): number {
  const file = openUnnamed(['/dev/shm', tmpdir()]);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at);
  } catch (err) {
    closeSync(file);
    throw err;
  }
  return file;
}

/** In the first folder where there can be one: not every machine has /dev/shm. */
function openUnnamed(folders: readonly string[]): number {
  const [folder, ...others] = folders;
  try {
    return openSync(folder!, unnamedFile, 0o600);
  } catch (err) {
    if (others.length === 0) throw err;
    return openUnnamed(others);
  }
}
