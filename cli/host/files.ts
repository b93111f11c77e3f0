// Small files that other processes read while we write them: each is replaced as a whole or not at all.
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { errnoOf, UserError } from '../user-error.ts';

export interface WriteOptions {
  mode?: number;
  /** False for what a reboot may lose: skips waiting for the disk. */
  durable?: boolean;
  /** Whose it is to be where we may choose: root may. */
  owner?: { uid: number; gid: number } | undefined;
}

/** Where a file's new content stands until it takes the file's place. */
export const temporaryOf = (path: string): string => `${path}.tmp`;

/** Writes a file so that a reader, or a crash, sees the old content or the new. Creates its folder. */
export function writeFileAtomic(
  path: string,
  content: string,
  { mode = 0o644, durable = true, owner }: WriteOptions = {},
): void {
  const temporary = temporaryOf(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(temporary, { force: true });
    writeFileSync(temporary, content, { mode, flush: durable });
    if (owner && process.geteuid!() === 0) chownSync(temporary, owner.uid, owner.gid);
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

/** Puts the path and the remedy into an error of the disk, or of what lies on it. */
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
    // Making a folder fails with ENOENT on a file system that is read-only too.
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EEXIST':
      return new UserError(`cannot write ${path}: ${errnoOf(err)}`, {
        hint: `Its folder cannot be made: a read-only file system, a file or a link that leads nowhere is in the way (namei -l ${path}).`,
        cause: err,
      });
    default:
      return err;
  }
}

/** Makes folders that only their owner may enter, also ones that are there: what lies below may be setuid. */
export function makePrivate(...dirs: string[]): void {
  for (const dir of dirs) {
    try {
      mkdirSync(dir, { recursive: true });
      chmodSync(dir, 0o700);
    } catch (err) {
      throw explainWriteError(dir, err);
    }
  }
}

/** A new folder among the machine's temporary files. */
export function makeTemporary(prefix: string): string {
  try {
    return mkdtempSync(join(tmpdir(), prefix));
  } catch (err) {
    throw new UserError(`cannot make a folder in ${tmpdir()}: ${errnoOf(err)}`, {
      hint: 'The variable TMPDIR names another place.',
      cause: err,
    });
  }
}

const isNoFile = (err: unknown) => ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes(errnoOf(err) ?? '');

/** The content of a file, or undefined when there is none at that path. */
export function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (err) {
    if (isNoFile(err)) return undefined;
    if (errnoOf(err) === 'EACCES') throw new UserError(`cannot read ${path}`, { hint: 'Run as root.', cause: err });
    throw err;
  }
}

/** Changes when a file is replaced: when it was last written, or nothing where there is none. */
export function stampOf(file: string): string {
  return String(statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? '');
}
