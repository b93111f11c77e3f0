// Subsets of Endpoints in the one form that says the same: addresses of the same ports together, in a fixed order, so
// that only what changed is written. Upstream: RepackSubsets in pkg/api/v1/endpoints.
import type { EndpointAddress, EndpointPort, Endpoints } from '../endpoints.ts';

export type Subset = NonNullable<Endpoints['subsets']>[number];

interface Entry {
  address: EndpointAddress;
  isReady: boolean;
}

/** Takes addresses port by port, and makes subsets of them. */
export class SubsetPacker {
  readonly #byPort = new Map<string, { port: EndpointPort | undefined; addresses: Map<string, Entry> }>();

  /** Without a port an address has none. One that is ready and not ready is not ready. */
  add(port: EndpointPort | undefined, address: EndpointAddress, isReady: boolean): void {
    const key = JSON.stringify(port ?? null);
    const entry = this.#byPort.get(key) ?? { port, addresses: new Map<string, Entry>() };
    this.#byPort.set(key, entry);
    const id = `${address.ip} ${address.targetRef?.uid}`;
    if (entry.addresses.get(id)?.isReady !== false) entry.addresses.set(id, { address, isReady });
  }

  subsets(): Subset[] {
    const groups = new Map<string, { ports: EndpointPort[]; addresses: Entry[] }>();
    for (const { port, addresses } of this.#byPort.values()) {
      const sorted = [...addresses].sort(([a], [b]) => compareAddresses(a, b));
      const key = JSON.stringify(sorted.map(([id, { isReady }]) => [id, isReady]));
      const group = groups.get(key) ?? { ports: [], addresses: sorted.map(([, address]) => address) };
      if (port) group.ports.push(port);
      groups.set(key, group);
    }
    const subsets = [...groups.values()].map(({ ports, addresses }) => {
      const ready = addresses.filter((a) => a.isReady).map((a) => a.address);
      const notReady = addresses.filter((a) => !a.isReady).map((a) => a.address);
      ports.sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
      return {
        ...(ready.length > 0 ? { addresses: ready } : {}),
        ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
        ...(ports.length > 0 ? { ports } : {}),
      };
    });
    // Pods come in the order of their last change, which is no reason to write.
    const textOf = (subset: Subset) => JSON.stringify(subset.ports ?? null);
    return subsets.sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  }
}

/** Numbers within addresses by value, so that .9 comes before .10. */
const { compare: compareAddresses } = new Intl.Collator('en', { numeric: true });

/** Subsets as the server keeps them. */
export function repackSubsets(given: readonly Subset[]): Subset[] {
  const packer = new SubsetPacker();
  for (const { addresses, notReadyAddresses, ports } of given) {
    for (const port of ports?.length ? ports : [undefined]) {
      for (const address of addresses ?? []) packer.add(port, address, true);
      for (const address of notReadyAddresses ?? []) packer.add(port, address, false);
    }
  }
  return packer.subsets();
}
