// The API servers that live: each has a key in etcd under its address, which goes by itself when the server does not
// write it any more. Upstream: the leases of pkg/controlplane/reconcilers, under the same keys.
import type { Etcd } from '../storage/etcd.ts';

const prefix = '/registry/masterleases/';
const end = '/registry/masterleases0';
const lifetimeSeconds = 15;

export class LiveServers {
  readonly #etcd: Etcd;
  readonly #address: string;
  readonly #isShared: boolean;
  #renewals = 0;

  /** `address`: where others reach this server; `isShared`: and other servers. */
  constructor(etcd: Etcd, address: string, isShared = false) {
    this.#etcd = etcd;
    this.#address = address;
    this.#isShared = isShared;
  }

  /** Says that this server lives. */
  async renew(): Promise<void> {
    const value = {
      kind: 'Endpoints',
      apiVersion: 'v1',
      metadata: { generation: ++this.#renewals },
      subsets: [{ addresses: [{ ip: this.#address }] }],
    };
    await this.#etcd.putForTime(prefix + this.#address, Buffer.from(JSON.stringify(value)), lifetimeSeconds);
  }

  /** The addresses of all that live, sorted. */
  async list(): Promise<string[]> {
    const { entries } = await this.#etcd.range(prefix, end, { limit: 0, revision: 0 });
    return entries.map(({ key }) => key.slice(prefix.length)).sort();
  }

  /** This server ends. A key that others may write as well goes by itself after the last of them. */
  async leave(): Promise<void> {
    if (this.#isShared) return;
    const entry = await this.#etcd.get(prefix + this.#address);
    if (entry) await this.#etcd.delete(entry.key, entry.modRevision);
  }
}
