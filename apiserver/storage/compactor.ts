// Keeps five minutes of etcd's history: every five minutes, what was older five minutes ago is dropped.
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { CompactedError, type Etcd } from './etcd.ts';
import type { WatchCache } from './watch-cache.ts';

const periodMs = 5 * 60_000;

/** Starts compacting. Returns how to stop. */
export function startCompactor(etcd: Etcd, cache: WatchCache, context: { clock: Clock; log: Logger }): () => void {
  let previous = 0;
  const timer = context.clock.every(periodMs, () => {
    const target = previous;
    previous = cache.position;
    if (target === 0) return;
    etcd.compact(target).catch((err) => {
      // Another server was first.
      if (!(err instanceof CompactedError))
        context.log.warn({ err, revision: target }, 'compaction failed; trying again later');
    });
  });
  return () => timer.cancel();
}
