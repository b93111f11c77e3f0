// Follows a container's CRI log from its present end: what a container writes, as it writes it. conmon's log loses
// nothing (a line without an end is marked as partial), so the original bytes can be put together again.
import { LogFiles, type LogRecord, parseLogLine, readLines } from '../../../host/container-log.ts';

export interface LogEntry {
  stream: LogRecord['stream'];
  content: Buffer;
}

/** The entries of whole lines, neighbours of the same stream joined: a line a message would cost the client dear. */
export function joinEntries(lines: readonly string[]): LogEntry[] {
  const runs: Pick<LogRecord, 'stream' | 'text'>[] = [];
  for (const record of lines.map(parseLogLine)) {
    if (!record) continue;
    const text = record.endsLine ? `${record.text}\n` : record.text;
    const last = runs.at(-1);
    if (last?.stream === record.stream) last.text += text;
    else runs.push({ stream: record.stream, text });
  }
  return runs.map(({ stream, text }) => ({ stream, content: Buffer.from(text, 'latin1') }));
}

export type LogFollower = ReturnType<typeof followLog>;

/**
 * Hands over every entry from now on, one chunk at a time: nothing is read before `take` has
 * resolved. Rotation is followed.
 */
export function followLog(path: string, take: (entry: LogEntry) => Promise<void> | void) {
  const files = new LogFiles(path);
  const position = files.size;
  files.watch();
  const stopped = new AbortController();
  const { signal } = stopped;
  const { promise: written, resolve: finish } = Promise.withResolvers<void>();
  const run = async () => {
    for await (const lines of readLines(files, { position, ended: written, signal }))
      for (const entry of joinEntries(lines)) if (!signal.aborted) await take(entry);
  };
  const ended = run();
  ended.catch(() => undefined);
  return {
    /** Resolves when it has ended; rejects when the log could not be read on. */
    ended,
    /** Nothing more will be written: resolves when what is there has been handed over. */
    finish() {
      finish();
      return ended;
    },
    /** Ends it at once. */
    stop: () => stopped.abort(),
  };
}
