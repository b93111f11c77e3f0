// Small files that other processes read while we write them: each is replaced as a whole or not at all.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, UserError } from '../user-error.ts';

export interface WriteOptions {
  mode?: number;
  /** False for what a reboot may lose: skips waiting for the disk. */
  durable?: boolean;
}

/** Where a file's new content stands until it takes the file's place. */
export const temporaryOf = (path: string): string => `${path}.tmp`;

/** Writes a file so that a reader, or a crash, sees the old content or the new. Creates its folder. */
export function writeFileAtomic(
  path: string,
  content: string,
  { mode = 0o644, durable = true }: WriteOptions = {},
): void {
  const temporary = temporaryOf(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(temporary, { force: true });
    writeFileSync(temporary, content, { mode, flush: durable });
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (err) {
    rmSync(temporary, { force: true });
    throw explainWriteError(path, err);
  }
}

/** Removes a file so that it stays removed when the machine loses its power. */
export function removeDurably(path: string): void {
  if (!existsSync(path)) return;
  rmSync(path);
  const dir = openSync(dirname(path), 'r');
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}

/** Puts the path and the remedy into a full or read-only disk's error. */
function explainWriteError(path: string, err: unknown): unknown {
  switch (errnoOf(err)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(`no space left on the disk that holds ${path}`, {
        hint: `Free some space on that file system (df ${dirname(path)}), then run the same command again.`,
        cause: err,
      });
    case 'EROFS':
    case 'EACCES':
      return new UserError(`cannot write ${path}`, { hint: 'Run as root, on a writable file system.', cause: err });
    default:
      return err;
  }
}

/** Makes folders that only their owner may enter, also ones that are there: what lies below may be setuid. */
export function makePrivate(...dirs: string[]): void {
  for (const dir of dirs) {
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o700);
  }
}

/** The content of a file, or undefined when it does not exist. */
export function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (err) {
    if (errnoOf(err) === 'ENOENT' || errnoOf(err) === 'ENOTDIR') return undefined;
    if (errnoOf(err) === 'EACCES') throw new UserError(`cannot read ${path}`, { hint: 'Run as root.', cause: err });
    throw err;
  }
}

/** Changes when a file is replaced: when it was last written, or nothing where there is none. */
export function stampOf(file: string): string {
  return String(statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? '');
}
