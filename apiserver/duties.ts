// What a server does by itself, besides answering requests. Each duty bears that other servers have it too.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { startRepair } from './allocation/repair.ts';
import { startIdentityLease } from './bootstrap/identity-lease.ts';
import { keepDanglingConditions } from './fairness/dangling.ts';
import { startCompactor } from './storage/compactor.ts';
import type { Etcd } from './storage/etcd.ts';
import { startEventExpiry } from './storage/event-expiry.ts';
import type { SubresourceContext } from './subresources/handler.ts';

/** Begins, once everything is there to work with. Returns how to stop. */
export async function startDuties(context: SubresourceContext, etcd: Etcd): Promise<() => void> {
  const { store, kinds } = context;
  const stops = [
    await keepDanglingConditions(context),
    startIdentityLease(context, hostname()),
    startRepair(context, `apiserver-${randomUUID()}`),
    startCompactor(etcd, store.cache, context),
    startEventExpiry(store, kinds.kind('', 'Event'), context),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
