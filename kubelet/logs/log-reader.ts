// Reads a container's log: from where the request says, line by line, and on as it grows when
// followed. Waiting is inotify on the log's folder, so rotation is seen too. Upstream:
// pkg/kubelet/kuberuntime/logs.
import { chunkBytes, LogFiles, newline, parseLogLine, readLines } from '../../host/container-log.ts';

export interface LogOptions {
  follow: boolean;
  tailLines: number | undefined;
  /** Records before this are left out. */
  sinceMs: number | undefined;
  timestamps: boolean;
  limitBytes: number | undefined;
  stream: 'stdout' | 'stderr' | undefined;
}

/** Turns lines of a log into what the reader asked for. A time stands only where a line begins. */
function createFormatter({ sinceMs, stream, timestamps, limitBytes = Number.POSITIVE_INFINITY }: LogOptions) {
  let left = limitBytes;
  let isLineOpen = false;
  return {
    /** Nothing more may be written. */
    isFull: () => left <= 0,
    /**
     * Takes a line of a log, a character a byte: what a container writes need not be UTF-8, and a
     * long line is cut anywhere.
     */
    format(line: string): Buffer | undefined {
      const record = parseLogLine(line);
      if (!record || (stream && record.stream !== stream)) return undefined;
      if (sinceMs !== undefined && Date.parse(record.time) < sinceMs) return undefined;
      const prefix = timestamps && !isLineOpen ? `${showTime(record.time)} ` : '';
      isLineOpen = !record.endsLine;
      const text = `${prefix}${record.text}${record.endsLine ? '\n' : ''}`;
      const bytes = Buffer.from(text, 'latin1').subarray(0, left);
      left -= bytes.length;
      return bytes;
    },
  };
}

/** With all nine digits of the second, of which runtimes leave out zeros. */
const showTime = (time: string) =>
  time
    .replace(/\+00:00$/, 'Z')
    .replace(/(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/, (_, digits = '', zone) => `.${digits.padEnd(9, '0')}${zone}`);

/** Where the last `lines` lines of a file begin. */
async function findTail(files: LogFiles, lines: number): Promise<number> {
  const { size } = files;
  if (lines === 0) return size;
  let left = lines;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - chunkBytes);
    const buffer = Buffer.alloc(end - begin);
    await files.read(buffer, begin);
    // The line end that closes the file opens no further line.
    const last = end === size ? buffer.length - 2 : buffer.length - 1;
    for (
      let i = last < 0 ? -1 : buffer.lastIndexOf(newline, last);
      i >= 0;
      i = i === 0 ? -1 : buffer.lastIndexOf(newline, i - 1)
    ) {
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

/**
 * The log as pieces of output. Ends at the end of the file, or, followed, with the container. Opens it at once, so that
 * one that cannot be read is told before anything is; what is opened is closed by reading.
 */
export function readLog(source: LogSource, options: LogOptions): AsyncGenerator<Buffer> {
  const files = new LogFiles(source.path);
  try {
    if (options.follow && files.isThere) files.watch();
  } catch (err) {
    files.close();
    throw err;
  }
  return readFiles(files, source, options);
}

async function* readFiles(files: LogFiles, source: LogSource, options: LogOptions): AsyncGenerator<Buffer> {
  const formatter = createFormatter(options);
  // Who does not follow has what there is now: one that writes faster than it is read would never end.
  const end = options.follow && files.isThere ? undefined : files.size;
  const position = options.tailLines === undefined ? 0 : findTail(files, options.tailLines);
  for await (const lines of readLines(files, { ...source, position, end })) {
    const parts = lines.map((line) => formatter.format(line)).filter((b) => b !== undefined);
    if (parts.length > 0) yield Buffer.concat(parts);
    if (formatter.isFull()) return;
  }
}
