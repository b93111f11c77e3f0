// Reads a container's log: from where the request says, line by line, and on as it grows when followed. Waiting is inotify on the log's
// folder, so rotation is seen too. Upstream: pkg/kubelet/kuberuntime/logs.
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseLogLine } from './cri-line.ts';

export interface LogOptions {
  follow: boolean;
  tailLines: number | undefined;
  /** Records before this are left out. */
  sinceMs: number | undefined;
  timestamps: boolean;
  limitBytes: number | undefined;
  stream: 'stdout' | 'stderr' | undefined;
}

const chunkBytes = 64 << 10;

/** Turns records into what the reader asked for. Keeps whether the last line is still open, so that a time stands only at its begin. */
class LogFormatter {
  readonly #options: LogOptions;
  #left: number;
  #lineOpen = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Nothing more may be written. */
  get isFull(): boolean {
    return this.#left <= 0;
  }

  /** Takes a line of a log, a character a byte: what a container writes need not be UTF-8, and a long line is cut anywhere. */
  format(line: string): Buffer | undefined {
    const record = parseLogLine(line);
    const { sinceMs, stream, timestamps } = this.#options;
    if (!record || (stream && record.stream !== stream)) return undefined;
    if (sinceMs !== undefined && Date.parse(record.time) < sinceMs) return undefined;
    const prefix = timestamps && !this.#lineOpen ? `${record.time.replace(/\+00:00$/, 'Z')} ` : '';
    this.#lineOpen = !record.endsLine;
    const text = `${prefix}${record.text}${record.endsLine ? '\n' : ''}`;
    const bytes = Buffer.from(text, 'latin1').subarray(0, this.#left);
    this.#left -= bytes.length;
    return bytes;
  }
}

/** Where the last `lines` lines of a file begin. */
async function findTail(file: FileHandle, size: number, lines: number): Promise<number> {
  if (lines === 0) return size;
  let left = lines;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - chunkBytes);
    const buffer = Buffer.alloc(end - begin);
    await file.read(buffer, 0, buffer.length, begin);
    for (let i = buffer.length - 1; i >= 0; i--) {
      // The line end that closes the file opens no further line.
      if (buffer[i] !== 0x0a || begin + i === size - 1) continue;
      if (--left === 0) return begin + i + 1;
    }
    end = begin;
  }
  return 0;
}

export interface LogSource {
  path: string;
  /** Resolves when nothing more will be written. */
  ended: Promise<void>;
  signal: AbortSignal;
}

/** The log as pieces of output. Ends at the end of the file, or, followed, with the container. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncGenerator<Buffer> {
  const formatter = new LogFormatter(options);
  const first = await openOrNull(source.path);
  if (!first) return;
  const changes = options.follow ? watchFolder(source) : undefined;
  let file: FileHandle = first;
  /** The file that comes after this one, which is first read to its end: it may have grown until it was renamed. */
  let rotated: FileHandle | undefined;
  try {
    const { size } = await file.stat();
    let position = options.tailLines === undefined ? 0 : await findTail(file, size, options.tailLines);
    let rest = '';
    while (!source.signal.aborted) {
      const wasEnded = changes?.isEnded() ?? true;
      const { text, next } = await readOn(file, position);
      position = next;
      if (text !== '') {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        const parts = lines.map((line) => formatter.format(line)).filter((b) => b !== undefined);
        if (parts.length > 0) yield Buffer.concat(parts);
        if (formatter.isFull) return;
        continue;
      }
      if (rotated) {
        await file.close();
        file = rotated;
        rotated = undefined;
        position = 0;
        continue;
      }
      if (changes) rotated = await openIfRotated(source.path, file);
      if (rotated) continue;
      if (wasEnded || !changes) return;
      await changes.next();
    }
  } finally {
    changes?.close();
    await rotated?.close();
    await file.close();
  }
}

async function readOn(file: FileHandle, position: number): Promise<{ text: string; next: number }> {
  const buffer = Buffer.alloc(chunkBytes);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
  if (bytesRead === 0) return { text: '', next: position };
  // Whole lines only; a line longer than a chunk is not written by the runtime.
  const lineEnd = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
  const length = lineEnd < 0 ? 0 : lineEnd + 1;
  return { text: buffer.toString('latin1', 0, length), next: position + length };
}

async function openOrNull(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
}

async function openIfRotated(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  try {
    if ((await stat(path)).ino === (await file.stat()).ino) return undefined;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
  return openOrNull(path);
}

interface Changes {
  /** Resolves at the next change since the last call. */
  next(): Promise<void>;
  isEnded(): boolean;
  close(): void;
}

function watchFolder({ path, ended, signal }: LogSource): Changes {
  let changed = false;
  let isEnded = false;
  let wake: () => void = () => undefined;
  const note = () => {
    changed = true;
    wake();
  };
  const watcher: FSWatcher = watch(dirname(path), { persistent: false }, note);
  watcher.on('error', note);
  signal.addEventListener('abort', note, { once: true });
  void ended.then(() => {
    isEnded = true;
    note();
  });
  return {
    async next() {
      if (!changed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      changed = false;
    },
    isEnded: () => isEnded,
    close: () => {
      watcher.close();
      signal.removeEventListener('abort', note);
    },
  };
}
