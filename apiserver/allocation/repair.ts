// Puts right what a server that was killed, or somebody's hand, left between Services and the locks of what they
// have: a lock that a Service lacks is made, a lock that nobody uses any longer goes. Upstream: the repair loops in
// pkg/registry/core/service.
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { keyPrefixOf, type StoredObject } from '../storage/stored-object.ts';
import { isOurs, isSameOwner, type Lock, lockKey, lockKinds, locksOf, type Owner, ownerOf, takeLock } from './locks.ts';
import { type Turns, takeTurn } from './turns.ts';

interface RepairDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  log: Logger;
}

// A request that took a lock lasts a minute at most before its Service is there; the rest is for clocks that differ.
const graceMs = 5 * 60_000;
const intervalMs = 3 * 60_000;

const ownerOfService = ({ metadata }: KubeObject): Owner => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name ?? '',
});

/** Makes the locks that Services lack. Services that have the same thing are told in the log. */
export async function makeMissingLocks({ store, kinds, clock, log }: RepairDeps): Promise<void> {
  await store.cache.waitConsistent();
  const kind = kinds.kind('', 'Service');
  for (const { object } of [...store.resource(kind).list(keyPrefixOf(kind))]) {
    const owner = ownerOfService(object);
    for (const lock of locksOf(object)) {
      const found = store.peek(lock.kind, '', lock.name);
      if (found) reportOther(lock, owner, found, log);
      else if (await takeLock({ store, clock }, lock, owner)) log.info({ ...owner, lock: lock.name }, 'made a lock');
    }
  }
}

function reportOther(lock: Lock, owner: Owner, found: StoredObject, log: Logger): void {
  const other = ownerOf(found.object);
  if (isSameOwner(other, owner)) return;
  log.warn(
    { ...owner, lock: lock.name, other },
    'a Service has what is locked for another one; it should be made anew',
  );
}

/** Removes the locks that are old enough and whose Service does not have what they lock. */
export async function removeLeftLocks({ store, kinds, clock, log }: RepairDeps): Promise<void> {
  await store.cache.waitConsistent();
  const service = kinds.kind('', 'Service');
  for (const kind of lockKinds) {
    for (const stored of [...store.resource(kind).list(keyPrefixOf(kind))]) {
      const owner = ownerOf(stored.object);
      const { name = '', creationTimestamp = '' } = stored.object.metadata;
      const isYoung = !(Date.parse(creationTimestamp) + graceMs < clock.now());
      if (!owner || isYoung || !isOurs(kind, stored.object)) continue;
      if (has(store.peek(service, owner.namespace, owner.name), { kind, name })) continue;
      // The cache is not enough to take something away from somebody.
      if (has(await store.read(service, owner.namespace, owner.name), { kind, name })) continue;
      const removed = await store.remove(kind, stored);
      if (removed.done) log.info({ ...owner, lock: name }, 'removed a lock that was left behind');
    }
  }
}

const has = (service: StoredObject | undefined, lock: Lock): boolean =>
  service !== undefined && locksOf(service.object).some((own) => lockKey(own) === lockKey(lock));

/** Repairs again and again, one server at a time. Returns what ends it. */
export function startRepair(deps: RepairDeps, identity: string): () => void {
  const { store, kinds, clock, log } = deps;
  const turns: Turns = { store, kinds, clock, name: 'service-allocation-repair', identity, lengthMs: 2 * intervalMs };
  let isOver = false;
  let timer = clock.after(0, () => void run());
  const run = async () => {
    try {
      if (await takeTurn(turns)) {
        await removeLeftLocks(deps);
        await makeMissingLocks(deps);
      }
    } catch (err) {
      log.warn({ err }, 'the locks of addresses and node ports could not be looked at; again later');
    }
    if (!isOver) timer = clock.after(intervalMs, () => void run());
  };
  return () => {
    isOver = true;
    timer.cancel();
  };
}
