// The ranges that addresses and ports are taken from, and the order in which what is free in them is tried.
// https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
import type { ServiceCIDR } from '../../api/networking/servicecidr.ts';
import { type CIDR, firstOf, formatIP, type IP, lastOf, parseCIDR } from '../../machinery/ip.ts';
import type { Random } from '../../machinery/random.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';

interface RangeDeps {
  store: ObjectStore;
  kinds: KindTable;
  /** The range that the server was started with. */
  serviceClusterIpRange: string;
}

/** A ServiceCIDR that addresses may be taken from; one that nobody has looked at yet counts. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
  return !metadata.deletionTimestamp && (ready === undefined || ready.status === 'True');
}

/** The ranges of one family, that of the cluster first; the server's own while there are no ServiceCIDRs. */
export function serviceRanges({ store, kinds, serviceClusterIpRange }: RangeDeps, family: 4 | 6): CIDR[] {
  const kind = kinds.kind('networking.k8s.io', 'ServiceCIDR');
  const all = [...store.resource(kind).list(keyPrefixOf(kind))].map((stored) => stored.object as ServiceCIDR);
  const isDefault = (it: ServiceCIDR) => it.metadata.name === defaultServiceCIDR;
  const ordered = [...all.filter(isDefault), ...all.filter((it) => !isDefault(it))].filter(isReady);
  const texts = all.length > 0 ? ordered.flatMap(({ spec }) => spec.cidrs ?? []) : [serviceClusterIpRange];
  return texts.flatMap((text) => parseCIDR(text) ?? []).filter((cidr) => cidr.address.family === family);
}

export const defaultServiceCIDR = 'kubernetes';

export interface Bounds {
  first: bigint;
  last: bigint;
}

/** Without the network's own address and, in IPv4, that of broadcasts. */
function usableOf(cidr: CIDR): Bounds {
  const broadcast = cidr.address.family === 4 ? 1n : 0n;
  return { first: firstOf(cidr).value + 1n, last: lastOf(cidr).value - broadcast };
}

export function isUsable(cidr: CIDR, ip: IP): boolean {
  const { first, last } = usableOf(cidr);
  return ip.family === cidr.address.family && ip.value >= first && ip.value <= last;
}

/** How much of the lower end is kept for addresses that are asked for by name, as long as there are others. */
const reservedAddresses = (size: number): number => Math.min(Math.max(16, Math.floor(size / 16)), 256, size / 2);
export const reservedPorts = (size: number): number =>
  size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);

/** Each number below `size` once: from a random place of the upper part on, then of the lower part. */
export function* shuffled(size: number, reserved: number, random: Random): Generator<number> {
  const kept = Math.floor(reserved);
  for (const [from, count] of [
    [kept, size - kept],
    [0, kept],
  ] as const) {
    const start = Math.floor(random.next() * count);
    for (let i = 0; i < count; i++) yield from + ((start + i) % count);
  }
}

const maxSize = 2n ** 32n;

/** The addresses of a range, in the order in which they are tried. */
export function* addressesOf(cidr: CIDR, random: Random): Generator<string> {
  const { first, last } = usableOf(cidr);
  if (last < first) return;
  const count = last - first + 1n;
  const size = Number(count < maxSize ? count : maxSize);
  for (const n of shuffled(size, reservedAddresses(size), random)) {
    yield formatIP({ family: cidr.address.family, value: first + BigInt(n) });
  }
}
