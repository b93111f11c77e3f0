// Follows a container's CRI log from its present end: what a container writes, as it writes it. conmon's log loses
// nothing (a line without an end is marked as partial), so the original bytes can be put together again.
import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isMissingFile } from '../errors.ts';

export interface LogEntry {
  stream: 'stdout' | 'stderr';
  content: Buffer;
}

const newline = 0x0a;

/** Parses `TIME STREAM F|P CONTENT`; null when a line is not like that. */
export function parseLogLine(line: Buffer): LogEntry | null {
  const afterTime = line.indexOf(0x20);
  const afterStream = line.indexOf(0x20, afterTime + 1);
  const afterTag = line.indexOf(0x20, afterStream + 1);
  if (afterTime < 0 || afterStream < 0 || afterTag < 0) return null;
  const stream = line.toString('latin1', afterTime + 1, afterStream);
  const tag = line.toString('latin1', afterStream + 1, afterTag);
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag[0] !== 'F' && tag[0] !== 'P')) return null;
  const content = line.subarray(afterTag + 1);
  return { stream, content: tag[0] === 'F' ? Buffer.concat([content, Buffer.from('\n')]) : Buffer.from(content) };
}

/** Splits what has been read into whole lines; keeps the rest for later. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const lines: Buffer[] = [];
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      lines.push(bytes.subarray(at, end));
      at = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    return lines;
  }
}

export interface LogFollower {
  /** There is room again. */
  resume(): void;
  /** Reads what is there now, room or not, as when the container has ended, and stops. */
  finish(): void;
}

/**
 * Calls `take` with every entry from now on. Rotation is followed: the renamed file is read to its end first. When `take`
 * answers false there is no room, and nothing more is read before `resume`.
 */
export function followLog(path: string, take: (entry: LogEntry) => boolean): LogFollower {
  const chunk = Buffer.alloc(1 << 16);
  let splitter = new LineSplitter();
  let fd = openIfThere(path);
  let position = fd === null ? 0 : fstatSync(fd).size;
  let isFull = false;
  let isFinishing = false;
  const drain = () => {
    while (fd !== null && !isFull) {
      const n = readSync(fd, chunk, 0, chunk.length, position);
      if (n === 0) return;
      position += n;
      for (const line of splitter.push(Buffer.from(chunk.subarray(0, n)))) {
        const entry = parseLogLine(line);
        if (entry && !take(entry)) isFull = !isFinishing;
      }
    }
  };
  const look = () => {
    drain();
    if (isFull) return;
    if (fd !== null && inodeOf(path) === fstatSync(fd).ino) return;
    const next = openIfThere(path);
    if (next === null) return;
    if (fd !== null) closeSync(fd);
    fd = next;
    position = 0;
    splitter = new LineSplitter();
    drain();
  };
  const name = basename(path);
  const watcher = watch(dirname(path), (_event, changed) => {
    if (changed === name) look();
  });
  return {
    resume() {
      isFull = false;
      if (!isFinishing) look();
    },
    finish() {
      watcher.close();
      isFinishing = true;
      isFull = false;
      look();
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (err) {
    if (isMissingFile(err)) return null;
    throw err;
  }
}

function inodeOf(path: string): number | null {
  try {
    return statSync(path).ino;
  } catch (err) {
    if (isMissingFile(err)) return null;
    throw err;
  }
}
