// Events are kept for an hour after they last happened; without that they would fill etcd and the
// caches of a cluster that runs for long. Upstream gives each a lease in etcd (--event-ttl).
import type { Clock } from '../../machinery/clock.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { Logger } from '../../machinery/log.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { ObjectStore } from './object-store.ts';
import { keyPrefixOf, type StoredObject } from './stored-object.ts';

const lifetimeMs = 60 * 60_000;
const sweepPeriodMs = 60_000;

/** When an event last happened, as far as it says so. */
function lastTimeMs({ metadata, lastTimestamp, eventTime, series }: KubeObject): number {
  const times = [metadata.creationTimestamp, lastTimestamp, eventTime, series?.lastObservedTime];
  return Math.max(0, ...times.filter(Boolean).map((t) => Date.parse(t)));
}

/** Starts to drop old events. Returns how to stop. */
export function startEventExpiry(
  store: ObjectStore,
  eventKind: Kind,
  context: { clock: Clock; log: Logger },
): () => void {
  const { clock, log } = context;
  let isSweeping = false;
  // An event says it once; to read all of them each minute would be much work.
  const known = new WeakMap<StoredObject, number>();
  const lastOf = (stored: StoredObject) => known.getOrInsertComputed(stored, () => lastTimeMs(stored.object));
  const sweep = async () => {
    const before = clock.now() - lifetimeMs;
    const old = [...store.resource(eventKind).list(keyPrefixOf(eventKind))].filter((stored) => lastOf(stored) < before);
    // One that has happened again meanwhile is another version, and stays.
    for (const stored of old) await store.remove(eventKind, stored);
  };
  const timer = clock.every(sweepPeriodMs, () => {
    if (isSweeping || !store.cache.ready) return;
    isSweeping = true;
    sweep()
      .catch((err) => log.warn({ err }, 'old events could not be dropped; trying again later'))
      .finally(() => {
        isSweeping = false;
      });
  });
  return () => timer.cancel();
}
