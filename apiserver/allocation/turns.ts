// Whose turn it is, of several API servers: a Lease says who does some work until its time is over.
// https://kubernetes.io/docs/concepts/architecture/leases/
import { randomUUID } from 'node:crypto';
import type { Lease } from '../../api/coordination/lease.ts';
import type { Clock } from '../../machinery/clock.ts';
import { unlessThere } from '../../machinery/errors.ts';
import { microTimestamp, timestamp } from '../../machinery/timestamp.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';

export interface Turns {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  /** Name of the Lease, in kube-system. */
  name: string;
  identity: string;
  /** How long a holder keeps it without renewing. */
  lengthMs: number;
}

const namespace = 'kube-system';

/** Takes or renews the Lease; false while another server has it. */
export async function takeTurn({ store, kinds, clock, name, identity, lengthMs }: Turns): Promise<boolean> {
  const kind = kinds.kind('coordination.k8s.io', 'Lease');
  const nowMs = clock.now();
  const renewTime = microTimestamp(nowMs);
  const spec = { holderIdentity: identity, leaseDurationSeconds: lengthMs / 1000, renewTime };
  const found = await store.read(kind, namespace, name);
  if (!found) {
    const metadata = { name, namespace, uid: randomUUID(), creationTimestamp: timestamp(nowMs) };
    const made = await unlessThere(store.create(kind, { metadata, spec: { ...spec, acquireTime: renewTime } }));
    return made !== undefined;
  }
  const lease = found.object as Lease;
  const isOwn = lease.spec.holderIdentity === identity;
  const isOver = !(Date.parse(lease.spec.renewTime ?? '') + lengthMs > nowMs);
  if (!isOwn && !isOver) return false;
  const acquireTime = isOwn ? lease.spec.acquireTime : renewTime;
  const result = await store.replace(kind, found, { ...lease, spec: { ...spec, acquireTime } });
  return result.done;
}
