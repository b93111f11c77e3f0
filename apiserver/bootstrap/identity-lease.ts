// Each API server has a Lease in kube-system that tells that it lives, for whoever wants to know which servers there
// are; those of servers that are gone go after an hour. https://kubernetes.io/docs/concepts/architecture/leases/
import { createHash, randomUUID } from 'node:crypto';
import type { Lease } from '../../api/coordination/lease.ts';
import { unlessThere } from '../../machinery/errors.ts';
import { microTimestamp, timestamp } from '../../machinery/timestamp.ts';
import type { ApiContext } from '../registry/context.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';

const namespace = 'kube-system';
const identityLabel = 'apiserver.kubernetes.io/identity';
const renewPeriodMs = 10_000;
const lifetimeSeconds = 3600;
const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** `apiserver-<hash>`: the first half of the SHA-256 of the host's name in base 32. */
export function identityName(hostname: string): string {
  let rest = BigInt(`0x${createHash('sha256').update(hostname).digest('hex').slice(0, 32)}`) << 2n; // 130 bits: 26 digits
  let digits = '';
  for (let i = 0; i < 26; i++) {
    digits = base32[Number(rest & 31n)] + digits;
    rest >>= 5n;
  }
  return `apiserver-${digits}`;
}

async function renew({ store, kinds, clock }: ApiContext, hostname: string, holder: string): Promise<void> {
  const kind = kinds.kind('coordination.k8s.io', 'Lease');
  const nowMs = clock.now();
  const name = identityName(hostname);
  const spec = { holderIdentity: holder, leaseDurationSeconds: lifetimeSeconds, renewTime: microTimestamp(nowMs) };
  const found = await store.read(kind, namespace, name);
  if (found) {
    await store.replace(kind, found, { ...(found.object as Lease), spec });
    return;
  }
  const labels = { [identityLabel]: 'kube-apiserver', 'kubernetes.io/hostname': hostname };
  const metadata = { name, namespace, labels, uid: randomUUID(), creationTimestamp: timestamp(nowMs) };
  await unlessThere(store.create(kind, { metadata, spec }));
}

/** Removes the Leases of servers that have not renewed them in time. */
export async function removeExpired({ store, kinds, clock }: ApiContext): Promise<void> {
  const kind = kinds.kind('coordination.k8s.io', 'Lease');
  for (const stored of [...store.resource(kind).list(`${keyPrefixOf(kind)}${namespace}/`)]) {
    const { metadata, spec } = stored.object as Lease;
    if (metadata.labels?.[identityLabel] !== 'kube-apiserver') continue;
    const untilMs = Date.parse(spec.renewTime ?? '') + (spec.leaseDurationSeconds ?? 0) * 1000;
    // One that was renewed meanwhile is another version, and stays.
    if (!(untilMs > clock.now())) await store.remove(kind, stored);
  }
}

/** Renews the Lease of this server, and once an hour looks for those of others. Returns how to stop. */
export function startIdentityLease(context: ApiContext, hostname: string): () => void {
  const { clock, log } = context;
  const holder = `${identityName(hostname)}_${randomUUID()}`;
  const failed = (err: unknown) => log.warn({ err }, 'the Leases of API servers could not be written; again later');
  const timers = [
    clock.after(0, () => void renew(context, hostname, holder).catch(failed)),
    clock.every(renewPeriodMs, () => void renew(context, hostname, holder).catch(failed)),
    clock.every(lifetimeSeconds * 1000, () => void removeExpired(context).catch(failed)),
  ];
  return () => {
    for (const timer of timers) timer.cancel();
  };
}
