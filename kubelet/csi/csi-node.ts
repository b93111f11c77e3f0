// What the API knows of this node's storage drivers: the CSINode object, and on the Node their names
// for it and the labels that say which volumes it reaches. Upstream: pkg/volume/csi/nodeinfomanager.
import { type Node, NodeKind } from '../../api/core/node.ts';
import { type CSINode, type CSINodeDriver, CSINodeKind } from '../../api/storage/csinode.ts';
import type { KubeClient } from '../../client/rest.ts';
import { isAlreadyExists, isConflict, unlessGone } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { KeyedLock } from '../../machinery/keyed-lock.ts';
import type { NodeGetInfoResponse } from '../../proto/csi.gen.ts';

/** JSON of driver names and what each calls the node. */
export const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid';
const tries = 5;

export class CsiNode {
  readonly #client: KubeClient;
  readonly #nodeName: string;
  readonly #lock = new KeyedLock();

  constructor(client: KubeClient, nodeName: string) {
    this.#client = client;
    this.#nodeName = nodeName;
  }

  /** Makes the object, which is there also on a node without drivers. */
  async create(): Promise<void> {
    await this.#edit((drivers) => drivers);
  }

  async add(name: string, info: NodeGetInfoResponse): Promise<void> {
    const { node_id: nodeID, accessible_topology } = info;
    if (nodeID === '') throw new Error(`driver ${name} has no name for this node`);
    const labels = accessible_topology?.segments ?? {};
    const driver: CSINodeDriver = {
      name,
      nodeID,
      topologyKeys: Object.keys(labels).sort(),
      ...limitOf(info),
    };
    await this.#lock.run('', async () => {
      await this.#describeNode(labels, (ids) => ({ ...ids, [name]: nodeID }));
      try {
        await this.#edit((drivers) => [...drivers.filter((one) => one.name !== name), driver]);
      } catch (err) {
        // Nor does the node stay named by a driver that cannot be.
        await this.#describeNode({}, without(name));
        throw err;
      }
    });
  }

  /** Another limit of a driver that is there. */
  async setLimit(name: string, info: NodeGetInfoResponse): Promise<void> {
    const limited = ({ allocatable: _, ...driver }: CSINodeDriver) => ({ ...driver, ...limitOf(info) });
    await this.#lock.run('', () => this.#edit((all) => all.map((one) => (one.name === name ? limited(one) : one))));
  }

  async remove(name: string): Promise<void> {
    await this.#lock.run('', async () => {
      await this.#edit((drivers) => drivers.filter((one) => one.name !== name));
      await this.#describeNode({}, without(name));
    });
  }

  async #describeNode(
    labels: Record<string, string>,
    change: (ids: Record<string, string>) => Record<string, string>,
  ): Promise<void> {
    const nodes = this.#client.resource(NodeKind);
    const { metadata }: Node = await nodes.get({ name: this.#nodeName });
    for (const [key, value] of Object.entries(labels)) {
      const known = metadata.labels?.[key];
      if (known !== undefined && known !== value) {
        throw new Error(
          `detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${known}"`,
        );
      }
    }
    const before = parseIds(metadata.annotations?.[nodeIdAnnotation]);
    const ids = change(before);
    const isSame = jsonEqual(ids, before) && Object.keys(labels).every((key) => metadata.labels?.[key] !== undefined);
    if (isSame) return;
    const annotation = Object.keys(ids).length > 0 ? JSON.stringify(ids) : null;
    const patch = { metadata: { labels, annotations: { [nodeIdAnnotation]: annotation } } };
    await nodes.patch({ name: this.#nodeName }, patch, { type: 'merge' });
  }

  async #edit(change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[]): Promise<void> {
    for (let left = tries; ; left--) {
      try {
        await this.#editOnce(change);
        return;
      } catch (err) {
        if (left <= 1 || !(isConflict(err) || isAlreadyExists(err))) throw err;
      }
    }
  }

  async #editOnce(change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[]): Promise<void> {
    const objects = this.#client.resource(CSINodeKind);
    const found = await unlessGone(objects.get({ name: this.#nodeName }));
    const before = found?.spec.drivers ?? [];
    const drivers = [...change(before)];
    if (!found) {
      await objects.create(await this.#fresh(drivers));
      return;
    }
    if (jsonEqual(drivers, before)) return;
    // What a driver is called may not change in place: it goes, and comes back.
    const changed = new Set(drivers.filter((one) => isReplaced(one, before)).map(({ name }) => name));
    let object: CSINode = found;
    if (changed.size > 0) {
      const kept = before.filter(({ name }) => !changed.has(name));
      object = await objects.update({ ...object, spec: { ...object.spec, drivers: kept } });
    }
    await objects.update({ ...object, spec: { ...object.spec, drivers } });
  }

  async #fresh(drivers: CSINodeDriver[]): Promise<CSINode> {
    const name = this.#nodeName;
    const { metadata } = await this.#client.resource(NodeKind).get({ name });
    const owner = { apiVersion: 'v1', kind: 'Node', name, uid: metadata.uid ?? '' };
    return { metadata: { name, ownerReferences: [owner] }, spec: { drivers } };
  }
}

const without =
  (name: string) =>
  ({ [name]: _, ...others }: Record<string, string>) =>
    others;

/** Without one a driver takes as many as there are. */
function limitOf({ max_volumes_per_node }: NodeGetInfoResponse): Pick<CSINodeDriver, 'allocatable'> {
  const limit = Number(max_volumes_per_node);
  return limit > 0 ? { allocatable: { count: Math.min(limit, 2 ** 31 - 1) } } : {};
}

const isReplaced = (driver: CSINodeDriver, before: readonly CSINodeDriver[]) => {
  const was = before.find(({ name }) => name === driver.name);
  return (
    was !== undefined && !(was.nodeID === driver.nodeID && jsonEqual(was.topologyKeys ?? [], driver.topologyKeys ?? []))
  );
};

function parseIds(text = '{}'): Record<string, string> {
  try {
    const ids = JSON.parse(text);
    return typeof ids === 'object' && ids !== null ? ids : {};
  } catch {
    return {}; // somebody else's scribble: written anew
  }
}
