// What a program is to read on its standard input, as a file that has no name and is gone when nobody has it open. A pipe
// would not do: where we are killed while we still write, the program takes what it has for all, and half a script for nft
// leaves out half of the services.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';

// Not in the constants of Node.
const unnamedFile = 0o20_000_000 | constants.O_DIRECTORY | constants.O_RDWR;

/** Opens a file with the text, at its beginning. The caller closes it; a program that was started with it has its own. */
export function openInputFile(text: string, folders: readonly string[] = ['/dev/shm', '/run', tmpdir()]): number {
  return writeUnnamed(Buffer.from(text), folders);
}

/** In the first folder where there can be one: not every machine has /dev/shm, and it may be full. */
function writeUnnamed(bytes: Buffer, [folder, ...others]: readonly string[]): number {
  let file: number | undefined;
  try {
    file = openSync(folder!, unnamedFile, 0o600);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at);
    return file;
  } catch (err) {
    if (file !== undefined) closeSync(file);
    if (others.length === 0) throw err;
    return writeUnnamed(bytes, others);
  }
}
