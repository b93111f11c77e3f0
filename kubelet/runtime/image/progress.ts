// A request of a registry that is given up when nothing comes for a time, however long all of it takes.
// containerd: image_pull_progress_timeout.
import type { Clock } from '../../../machinery/clock.ts';

export interface ProgressOptions {
  clock: Clock;
  /** 0 is no limit. */
  timeoutMs: number;
}

/** Nothing came. */
export class NoProgressError extends Error {}

export interface Answer {
  status: number;
  ok: boolean;
  headers: Headers;
  /** The body, to be read once. */
  pieces: AsyncIterable<Uint8Array>;
  /** Gives the rest of the body up. */
  cancel(): void;
}

/** Sends a request. Waiting for the answer and for each piece of its body has the limit. */
export async function fetchWithProgress(
  url: string | URL,
  { signal, ...init }: RequestInit & { signal: AbortSignal },
  { clock, timeoutMs }: ProgressOptions,
): Promise<Answer> {
  const stop = new AbortController();
  const waitFor = async <T>(work: Promise<T>): Promise<T> => {
    if (timeoutMs === 0) return work;
    const timer = clock.after(timeoutMs, () =>
      stop.abort(new NoProgressError(`nothing came from the registry for ${timeoutMs / 1000} s`)),
    );
    try {
      return await work;
    } finally {
      timer.cancel();
    }
  };
  const response = await waitFor(fetch(url, { ...init, signal: AbortSignal.any([signal, stop.signal]) }));
  const { status, ok, headers, body } = response;
  const read = async function* (): AsyncGenerator<Uint8Array> {
    if (!body) return;
    const reader = body.getReader();
    try {
      for (let next = await waitFor(reader.read()); !next.done; next = await waitFor(reader.read())) yield next.value;
    } finally {
      stop.abort(); // whoever reads no further wants no more of it
    }
  };
  return { status, ok, headers, pieces: read(), cancel: () => stop.abort() };
}

/** Reads what is kept in memory; undefined when it is more than that. */
export async function readUpTo(maxBytes: number, pieces: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const all: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > maxBytes) return undefined;
    all.push(piece);
  }
  return Buffer.concat(all);
}
