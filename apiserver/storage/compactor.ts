// Keeps five minutes of etcd's history: every five minutes, what was older five minutes ago is dropped. Of several
// servers the one does it that first writes, under a key that upstream's servers know as well, from the state that it
// saw last. https://etcd.io/docs/v3.6/op-guide/maintenance/
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { CompactedError, type Etcd } from './etcd.ts';
import type { WatchCache } from './watch-cache.ts';

const periodMs = 5 * 60_000;
const turnKey = 'compact_rev_key';

type Position = Pick<WatchCache, 'position'>;

/** Starts compacting. Returns how to stop. */
export function startCompactor(etcd: Etcd, cache: Position, context: { clock: Clock; log: Logger }): () => void {
  let previous = 0;
  /** When the key was last written, as far as this server knows. */
  let turn = 0;
  const compact = async (revision: number) => {
    const taken = await etcd.put(turnKey, Buffer.from(String(revision)), turn);
    turn = taken.done ? taken.revision : (taken.current?.modRevision ?? 0);
    if (taken.done && revision > 0) await etcd.compact(revision);
  };
  const timer = context.clock.every(periodMs, () => {
    const revision = previous;
    previous = cache.position;
    compact(revision).catch((err) => {
      if (!(err instanceof CompactedError))
        context.log.warn({ err, revision }, 'compaction failed; trying again later');
    });
  });
  return () => timer.cancel();
}
