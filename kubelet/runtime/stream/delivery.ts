// Output on its way to a client: read no faster than the client takes it, and delivered to the last byte.
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../../../machinery/clock.ts';

/** Hands input on. Who takes it may end, or close it, before all has come: the rest is dropped then. */
export function pipeInput(from: Readable, to: Writable, options?: { end: boolean }): void {
  const drop = () => void from.unpipe(to).resume();
  to.on('error', drop);
  to.once('close', drop);
  from.pipe(to, options);
}

/** Resolves when a stream takes more, or is gone. */
export function whenWritable(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off('drain', done);
      output.off('close', done);
      resolve();
    };
    output.on('drain', done);
    output.on('close', done);
  });
}

/** Resolves when a stream that has been ended has handed all over, or cannot any more. */
export const whenWritten = (stream: Writable) => finished(stream, { readable: false }).catch(() => undefined);

/** Delivers `from`, by way of `filter` if there is one. Without a taker it is read and dropped. */
export function deliver(from: Readable, to: Writable | null, filter?: Duplex) {
  let received = 0;
  from.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  const source = filter ? from.pipe(filter) : from;
  const handedOver = new Promise<void>((resolve) => {
    if (!to || to.destroyed) {
      source.resume();
      source.once('close', resolve);
      return;
    }
    const leave = () => {
      source.unpipe(to).resume();
      resolve();
    };
    to.once('finish', resolve);
    to.on('error', leave);
    to.once('close', leave);
    source.pipe(to);
  });
  return {
    /** Resolves when everything has been handed over, or the taker is gone. */
    finished: handedOver,
    /** Bytes that have come so far. */
    received: () => received,
    /** Nothing that has come still waits for the taker. */
    isIdle: () =>
      from.readableLength + source.readableLength + (filter?.writableLength ?? 0) + (to?.writableLength ?? 0) === 0,
    /** Reads no further; what has come is still handed over. */
    stop() {
      from.destroy();
      if (filter) filter.end();
      else to?.end();
      if (!to) source.destroy();
    },
  };
}

/** Children that outlive a command may hold its output open: it has ended when nothing has come for so long. */
const idleMs = 500;

/** Waits, after the command's end, until all of its output is delivered, however long its client takes. */
export async function settle(
  deliveries: readonly ReturnType<typeof deliver>[],
  clock: Pick<Clock, 'sleep'>,
): Promise<void> {
  let isDone = false;
  const all = Promise.all(deliveries.map((d) => d.finished)).then(() => {
    isDone = true;
  });
  const count = () => deliveries.reduce((sum, d) => sum + d.received(), 0);
  while (!isDone) {
    const before = count();
    await Promise.race([all, clock.sleep(idleMs)]);
    // This process may have been busy all the while: what lies ready is read before anything counts as idle.
    await new Promise((resolve) => setImmediate(resolve));
    if (isDone || count() > before || !deliveries.every((d) => d.isIdle())) continue;
    for (const d of deliveries) d.stop();
    await all;
  }
}
