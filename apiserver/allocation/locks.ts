// What can be had by one only is locked by an object that is named after it: two of one name cannot be, however many
// API servers there are. An IPAddress is the lock of an address; node ports have locks that are kept in etcd beside
// them and served to nobody. A lock says who has it, so that one that was left behind is found. docs/adr/014-allocation.md
import { randomUUID } from 'node:crypto';
import {
  type IPAddress,
  IPAddressKind,
  type ParentReference,
  parentReference,
} from '../../api/networking/ipaddress.ts';
import type { Clock } from '../../machinery/clock.ts';
import { unlessThere } from '../../machinery/errors.ts';
import { parseIP } from '../../machinery/ip.ts';
import { defineKind, type Kind } from '../../machinery/kind.ts';
import { type KubeObject, objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** A Service, by name: who has a lock. */
export interface Owner {
  namespace: string;
  name: string;
}

export interface LockDeps {
  store: ObjectStore;
  clock: Clock;
}

const nodePortSchema = s.object('NodePort', 'A port of all nodes that a Service has.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Its name is the number of the port.', { always: true }),
  spec: s.field(
    s.object('NodePortSpec', 'Who has it.', { parentRef: s.field(parentReference, 'The Service.') }),
    'Who has it.',
    { always: true },
  ),
});

/** Locks of node ports, under `/registry/ranges/servicenodeports/`. */
const NodePortKind = defineKind({
  kind: 'NodePort',
  plural: 'servicenodeports',
  scope: 'Cluster',
  served: [{ group: 'ranges', version: 'v1', schema: nodePortSchema }],
});

/** Kinds that the storage keeps for the server itself; nobody else can ask for them. */
export const internalKinds: readonly Kind[] = [NodePortKind];

/** One thing that can be had: an address, a port. */
export interface Lock {
  kind: Kind;
  name: string;
}

export const lockOfAddress = (address: string): Lock => ({ kind: IPAddressKind, name: address });
export const lockOfPort = (port: number): Lock => ({ kind: NodePortKind, name: String(port) });
export const lockKinds: readonly Kind[] = [IPAddressKind, NodePortKind];

/** Text that is the same for the same lock. */
export const lockKey = ({ kind, name }: Lock): string => `${kind.plural} ${name}`;

const managedBy = { label: 'ipaddress.kubernetes.io/managed-by', value: 'ipallocator.k8s.io' };
const familyLabel = 'ipaddress.kubernetes.io/ip-family';

function labelsOf({ kind, name }: Lock): Record<string, string> | undefined {
  if (kind !== IPAddressKind) return undefined;
  return { [familyLabel]: parseIP(name)?.family === 6 ? 'IPv6' : 'IPv4', [managedBy.label]: managedBy.value };
}

/** Whether it was made here: people may make IPAddresses of their own. */
export const isOurs = (kind: Kind, { metadata }: KubeObject): boolean =>
  kind !== IPAddressKind || metadata.labels?.[managedBy.label] === managedBy.value;

/** Takes it for `owner`; false when somebody has it. */
export async function takeLock({ store, clock }: LockDeps, lock: Lock, { namespace, name }: Owner): Promise<boolean> {
  const labels = labelsOf(lock);
  const metadata = { name: lock.name, uid: randomUUID(), creationTimestamp: timestamp(clock.now()) };
  const parentRef = { group: '', resource: 'services', namespace, name };
  const object = { metadata: { ...metadata, ...(labels && { labels }) }, spec: { parentRef } };
  return (await unlessThere(store.create(lock.kind, object))) !== undefined;
}

/** Whether somebody has it, as far as the cache knows; `takeLock` has the last word. */
export const isLocked = ({ store }: LockDeps, { kind, name }: Lock): boolean =>
  store.peek(kind, '', name) !== undefined;

export function ownerOf(lock: KubeObject): Owner | undefined {
  const parent: ParentReference | undefined = (lock as IPAddress).spec?.parentRef;
  if (parent?.resource !== 'services' || parent.group) return undefined;
  return { namespace: parent.namespace ?? '', name: parent.name };
}

export const isSameOwner = (a: Owner | undefined, b: Owner): boolean =>
  a !== undefined && a.namespace === b.namespace && a.name === b.name;

/** Gives it back, if it is `owner`'s. */
export async function releaseLock({ store }: LockDeps, { kind, name }: Lock, owner: Owner): Promise<void> {
  let current = await store.read(kind, '', name);
  while (current && isSameOwner(ownerOf(current.object), owner)) {
    const result = await store.remove(kind, current);
    if (result.done) return;
    current = result.current;
  }
}

/** Everything that a Service has. */
export function locksOf({ spec }: KubeObject): Lock[] {
  const addresses: string[] = (spec?.clusterIPs ?? []).filter((ip: string) => parseIP(ip) !== undefined);
  const ports: (number | undefined)[] = (spec?.ports ?? []).map((port: { nodePort?: number }) => port.nodePort);
  const numbers = new Set([...ports, spec?.healthCheckNodePort].filter((port) => port !== undefined && port > 0));
  return [...addresses.map(lockOfAddress), ...[...numbers].map((port) => lockOfPort(port!))];
}
