// The ranges that a new cluster's Services get their addresses from, and the address of the `kubernetes` Service.
// https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/
import { StatusError } from '../../machinery/errors.ts';
import { formatCIDR, parseCIDR } from '../../machinery/ip.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { isSameOwner, lockOfAddress, type Owner, ownerOf } from '../allocation/locks.ts';
import { defaultServiceCIDR } from '../allocation/ranges.ts';
import type { ApiContext } from '../registry/context.ts';
import { createIfAbsent } from './create.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';

/** Creates the ServiceCIDR `kubernetes` where it is missing. One that differs from the flag stays as it is. */
export async function ensureDefaultServiceCIDR(context: ApiContext, range: string): Promise<void> {
  const cidrs = [formatCIDR(parseCIDR(range)!)];
  const kind = context.kinds.kind('networking.k8s.io', 'ServiceCIDR');
  const existing = context.store.peek(kind, '', defaultServiceCIDR)?.object;
  if (existing && !jsonEqual(existing.spec.cidrs, cidrs)) {
    context.log.warn(
      { cidrs, existing: existing.spec.cidrs },
      'the range of the flags is not that of the cluster: that of the cluster holds',
    );
  }
  if (existing) return;
  await createIfAbsent(context, 'networking.k8s.io', {
    kind: 'ServiceCIDR',
    metadata: { name: defaultServiceCIDR, finalizers: [finalizer] },
    spec: { cidrs },
  });
  await context.store.cache.waitConsistent();
}

const tries = 20;
const pauseMs = 500;
// Whoever took the lock that long ago and has made no Service does not live any more.
const abandonedMs = 5_000;

/**
 * Creates a Service with an address of its own, while other servers do the same. A server that was killed between
 * the lock of the address and the Service has left the lock: after a while it is taken away from it.
 */
export async function createServiceAt(
  context: ApiContext,
  address: string,
  object: Parameters<typeof createIfAbsent>[2],
): Promise<void> {
  const { clock, kinds, store } = context;
  const owner: Owner = { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' };
  const { kind, name } = lockOfAddress(address);
  for (let i = 1; ; i++) {
    if (await store.read(kinds.kind('', 'Service'), owner.namespace, owner.name)) return;
    const lock = await store.read(kind, '', name);
    const atMs = Date.parse(lock?.object.metadata.creationTimestamp ?? '');
    if (lock && isSameOwner(ownerOf(lock.object), owner) && atMs + abandonedMs < clock.now()) {
      await store.remove(kind, lock);
    }
    try {
      return await createIfAbsent(context, '', object);
    } catch (err) {
      const isTaken = err instanceof StatusError && err.code === 422;
      if (!isTaken || i === tries) throw err;
    }
    await clock.sleep(pauseMs);
  }
}
