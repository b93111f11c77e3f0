// The log of one container as its CRI runtime writes it, and as it grows and is rotated: for those who follow it on either
// side of that interface.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
import { closeSync, type FSWatcher, fstatSync, openSync, read } from 'node:fs';
import { basename, dirname } from 'node:path';
import { watchFolder } from '../machinery/watch-folder.ts';

export interface LogRecord {
  /** As written, with nanoseconds. */
  time: string;
  stream: 'stdout' | 'stderr';
  /** A record marked F ends its line; what is marked P goes on in the next one. */
  endsLine: boolean;
  text: string;
}

const pattern = /^(\S+) (stdout|stderr) ([FP])\S* ?(.*)$/s;

/** Reads one line of a log file, without its line end; undefined when it is none. */
export function parseLogLine(line: string): LogRecord | undefined {
  const match = pattern.exec(line);
  if (!match) return undefined;
  return { time: match[1]!, stream: match[2] as 'stdout' | 'stderr', endsLine: match[3] === 'F', text: match[4]! };
}

/** What is kept for a slow follower is not kept without end. */
const maxWaitingFiles = 32;

/**
 * The file that is read, and those that came after it by rotation. Each is opened as it appears, so that a follower who is
 * slow still reads one that has been removed meanwhile.
 */
export class LogFiles {
  readonly #path: string;
  #files: { fd: number; ino: number }[] = [];
  #watcher: FSWatcher | undefined;
  #hasChanged = false;
  #wake: () => void = () => undefined;
  #failure: Error | undefined;

  constructor(path: string) {
    this.#path = path;
    this.look();
  }

  /** Opens what comes from now on. */
  watch(): void {
    const options = { persistent: false };
    const onChange = (event: string, name: string | null) => {
      if (event === 'rename' && name === basename(this.#path)) this.look();
      this.note();
    };
    this.#watcher = watchFolder(dirname(this.#path), onChange, options).on('error', (err) => this.#fail(err));
    // It may have been rotated before there was a watch.
    this.look();
  }

  /** Opens the log if it is another file than the last one. */
  look(): void {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') this.#fail(err as Error);
      return;
    }
    const { ino } = fstatSync(fd);
    const isNew = this.#files.at(-1)?.ino !== ino;
    if (isNew && this.#files.length < maxWaitingFiles) return void this.#files.push({ fd, ino });
    closeSync(fd);
    if (isNew) this.#fail(new Error('the reader is too slow: the log was rotated away'));
  }

  get isThere(): boolean {
    return this.#files.length > 0;
  }

  /** There is a later file: the one that is read will not grow any more. */
  get hasNext(): boolean {
    return this.#files.length > 1;
  }

  /** Of the present file; 0 where there is none yet. */
  get size(): number {
    return this.isThere ? fstatSync(this.#files[0]!.fd).size : 0;
  }

  /**
   * Reads from the present file. Rejects when the log cannot be followed any more: what comes next
   * would have a gap.
   */
  read(buffer: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (!this.isThere) return resolve(0);
      read(this.#files[0]!.fd, buffer, 0, buffer.length, position, (err, n) => (err ? reject(err) : resolve(n)));
    });
  }

  /** Goes on to the next file. */
  advance(): void {
    closeSync(this.#files.shift()!.fd);
  }

  /** Wakes who waits for a change. */
  note(): void {
    this.#hasChanged = true;
    this.#wake();
  }

  /** Resolves at the next change since the last call. */
  async nextChange(): Promise<void> {
    if (!this.#hasChanged) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#hasChanged = false;
  }

  close(): void {
    this.#watcher?.close();
    for (const { fd } of this.#files.splice(0)) closeSync(fd);
  }

  #fail(err: Error): void {
    this.#failure ??= err;
    this.note();
  }
}

export const chunkBytes = 64 << 10;
export const newline = 0x0a;

interface Reach {
  /** Where to begin in the file that is there. */
  position: number | Promise<number>;
  /** Where to end in it; without an end the log is followed. */
  end?: number | undefined;
  /** Resolves when nothing more will be written to a log that is followed. */
  ended: Promise<void>;
  signal: AbortSignal;
}

/**
 * The lines of a log, a character a byte, some at a time. What is followed ends with what there is when nothing more will
 * be written. Nothing is read before what was read is taken; closes the files.
 */
export async function* readLines(files: LogFiles, { position, end, ended, signal }: Reach): AsyncGenerator<string[]> {
  const buffer = Buffer.alloc(chunkBytes);
  const note = () => files.note();
  let isOver = end !== undefined;
  signal.addEventListener('abort', note, { once: true });
  void ended.then(() => {
    isOver = true;
    note();
  });
  try {
    for (let at = await position; !signal.aborted && at < (end ?? Number.POSITIVE_INFINITY); ) {
      // Seen before reading: what is read then is all there is of this file, or of the log.
      const [wasOver, { hasNext }] = [isOver, files];
      const bytesRead = await files.read(buffer, at);
      // Whole lines only; one longer than a chunk is not written by the runtime.
      const length = bytesRead === 0 ? 0 : buffer.lastIndexOf(newline, bytesRead - 1) + 1;
      if (length > 0) {
        at += length;
        yield buffer.toString('latin1', 0, length - 1).split('\n');
      } else if (hasNext) {
        files.advance();
        at = 0;
      } else if (wasOver) {
        if (end === undefined) files.look();
        if (!files.hasNext) return;
      } else await files.nextChange();
    }
  } finally {
    signal.removeEventListener('abort', note);
    files.close();
  }
}
