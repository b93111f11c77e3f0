// Follows a container's CRI log from its present end: what a container writes, as it writes it. conmon's log loses
// nothing (a line without an end is marked as partial), so the original bytes can be put together again.
import { closeSync, fstatSync, openSync, read } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ifThereSync } from '../../../host/if-there.ts';
import { watchFolder } from '../../../machinery/watch-folder.ts';

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

/** The entries of whole lines, neighbours of the same stream joined: a line a message would cost the client dear. */
export function joinEntries(lines: readonly Buffer[]): LogEntry[] {
  const runs: { stream: LogEntry['stream']; parts: Buffer[] }[] = [];
  for (const line of lines) {
    const entry = parseLogLine(line);
    if (!entry) continue;
    const last = runs.at(-1);
    if (last?.stream === entry.stream) last.parts.push(entry.content);
    else runs.push({ stream: entry.stream, parts: [entry.content] });
  }
  return runs.map(({ stream, parts }) => ({ stream, content: Buffer.concat(parts) }));
}

export interface LogFollower {
  /** Nothing more will be written: resolves when what is there has been handed over. */
  finish(): Promise<void>;
  /** Ends it at once. */
  stop(): void;
  /** Resolves when it has ended; rejects when the log could not be read on. */
  ended: Promise<void>;
}

const chunkBytes = 1 << 16;
/** Files that were rotated away while their reader is slow are kept for it, but not without end. */
const maxWaitingFiles = 32;

/**
 * Hands over every entry from now on, one chunk at a time: nothing is read before `take` has
 * resolved. Rotation is followed: files are opened as they appear, so that one which is removed
 * before its turn is still read.
 */
export function followLog(path: string, take: (entry: LogEntry) => Promise<void> | void): LogFollower {
  const files: { fd: number; ino: number }[] = [];
  let isFinishing = false;
  let isStopped = false;
  let failure: Error | null = null;
  let wake: () => void = () => undefined;
  const note = () => {
    const next = ifThereSync(() => openSync(path, 'r'));
    if (next === undefined) return;
    const ino = fstatSync(next).ino;
    if (files.at(-1)?.ino === ino) return closeSync(next);
    if (files.length < maxWaitingFiles) return void files.push({ fd: next, ino });
    closeSync(next);
    failure = new Error('the client is too slow: the log was rotated away');
  };
  note();
  let position = files[0] ? fstatSync(files[0].fd).size : 0;
  const watcher = watchFolder(dirname(path), (event, changed) => {
    if (changed !== basename(path)) return;
    if (event === 'rename') note();
    wake();
  });
  watcher.on('error', (err) => {
    failure = err;
    wake();
  });
  const run = async () => {
    const chunk = Buffer.alloc(chunkBytes);
    let splitter = new LineSplitter();
    while (!isStopped) {
      if (failure) throw failure;
      // Seen before reading: a file is complete when the next one was there already, or the end was.
      const isLast = isFinishing;
      const hasNext = files.length > 1;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const file = files[0];
      const n = file ? await readAt(file.fd, chunk, position) : 0;
      position += n;
      for (const entry of joinEntries(splitter.push(Buffer.from(chunk.subarray(0, n))))) {
        if (!isStopped) await take(entry);
      }
      if (n > 0) continue;
      if (hasNext) {
        closeSync(files.shift()!.fd);
        position = 0;
        splitter = new LineSplitter();
      } else if (isLast) return;
      else if (!isFinishing && files.length < 2) await woken;
    }
  };
  const ended = run().finally(() => {
    watcher.close();
    for (const { fd } of files.splice(0)) closeSync(fd);
  });
  ended.catch(() => undefined);
  return {
    ended,
    finish() {
      if (!isFinishing && !isStopped) note();
      isFinishing = true;
      wake();
      return ended;
    },
    stop() {
      isStopped = true;
      wake();
    },
  };
}

const readAt = (fd: number, buffer: Buffer, position: number) =>
  new Promise<number>((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (err, n) => (err ? reject(err) : resolve(n)));
  });
