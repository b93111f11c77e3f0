// The storage drivers of this node, as they have made themselves known. Upstream: the registration
// handler of pkg/volume/csi/csi_plugin.go.
import type { NodeGetInfoResponse } from '../../proto/csi.gen.ts';
import { type CsiClient, connectCsi } from '../../proto/csi-client.ts';
import type { CsiNode } from './csi-node.ts';

export interface CsiDriver {
  name: string;
  client: CsiClient;
  info: NodeGetInfoResponse;
  /** What its node service can do, as NodeGetCapabilities says. */
  capabilities: ReadonlySet<string>;
}

/** The text is upstream's. */
const unknownText = (name: string) => `driver name ${name} not found in the list of registered CSI drivers`;

export class CsiDrivers {
  readonly #node: CsiNode;
  readonly #connect: (socket: string, name: string) => CsiClient;
  readonly #drivers = new Map<string, CsiDriver>();
  readonly #listeners: ((name: string) => void)[] = [];

  constructor(node: CsiNode, connect: (socket: string, name: string) => CsiClient = connectCsi) {
    this.#node = node;
    this.#connect = connect;
  }

  find(name: string): CsiDriver | undefined {
    return this.#drivers.get(name);
  }

  /** `doing` is what cannot be done without it. */
  get(name: string, doing: string): CsiDriver {
    const driver = this.#drivers.get(name);
    if (!driver) throw new Error(`kubernetes.io/csi: ${doing}: ${unknownText(name)}`);
    return driver;
  }

  onRegistered(listener: (name: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Throws with a text for the driver, which is then not taken. */
  async register(name: string, socket: string, versions: readonly string[]): Promise<void> {
    if (!versions.some((version) => /^v?1\./.test(version))) {
      throw new Error(`none of the CSI versions ${JSON.stringify(versions)} is supported; want 1.x`);
    }
    const client = this.#connect(socket, name);
    try {
      const [info, { capabilities }] = await Promise.all([
        client.node.NodeGetInfo({}),
        client.node.NodeGetCapabilities({}),
      ]);
      const types = capabilities.map((c) => c.rpc?.type ?? 'UNKNOWN');
      await this.#node.add(name, info);
      this.#drivers.get(name)?.client.close();
      this.#drivers.set(name, { name, client, info, capabilities: new Set(types) });
    } catch (err) {
      client.close();
      throw err;
    }
    for (const listener of this.#listeners) listener(name);
  }

  async unregister(name: string): Promise<void> {
    this.#drivers.get(name)?.client.close();
    this.#drivers.delete(name);
    await this.#node.remove(name);
  }

  close(): void {
    for (const { client } of this.#drivers.values()) client.close();
  }
}
