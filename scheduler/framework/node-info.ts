// A node with what runs on it, kept up to date pod by pod and never built anew. Upstream: framework.NodeInfo.
import type { Node } from '../../api/core/node.ts';
import { type HostPort, isSamePort } from '../../api/core/pod/host-ports.ts';
import { quantityValue } from '../../machinery/quantity.ts';
import { type PodInfo, type Resources, resourcesOf } from './pod-info.ts';

const noResources: Resources = { cpuMillis: 0, memoryBytes: 0, ephemeralStorageBytes: 0, scalars: new Map() };

export class NodeInfo {
  readonly name: string;
  #node: Node | undefined;
  labels: Readonly<Record<string, string>> = {};
  allocatable: Resources = noResources;
  allowedPods = 0;
  /** Sizes by every name an image has on the node. */
  imageBytes: ReadonlyMap<string, number> = new Map();
  readonly pods = new Map<string, PodInfo>();
  /** Sums over the pods. */
  readonly requested = { cpuMillis: 0, memoryBytes: 0, ephemeralStorageBytes: 0, scalars: new Map<string, number>() };
  readonly scoreRequested = { cpuMillis: 0, memoryBytes: 0 };

  constructor(name: string) {
    this.name = name;
  }

  /** Pods may be known before their node is. */
  get exists(): boolean {
    return this.#node !== undefined;
  }

  get node(): Node {
    if (!this.#node) throw new Error(`node ${this.name} is not known`);
    return this.#node;
  }

  setNode(node: Node | undefined): void {
    this.#node = node;
    this.labels = node?.metadata.labels ?? {};
    const status = node?.status;
    this.allocatable = resourcesOf(status?.allocatable);
    this.allowedPods = quantityValue(status?.allocatable?.pods ?? '0');
    const images = new Map<string, number>();
    for (const image of status?.images ?? [])
      for (const name of image.names ?? []) images.set(name, image.sizeBytes ?? 0);
    this.imageBytes = images;
  }

  addPod(info: PodInfo): void {
    if (this.pods.has(info.uid)) this.removePod(info.uid);
    this.pods.set(info.uid, info);
    this.#count(info, 1);
  }

  removePod(uid: string): void {
    const info = this.pods.get(uid);
    if (!info) return;
    this.pods.delete(uid);
    this.#count(info, -1);
  }

  #count(info: PodInfo, sign: 1 | -1): void {
    const { requested, scoreRequested } = this;
    requested.cpuMillis += sign * info.requests.cpuMillis;
    requested.memoryBytes += sign * info.requests.memoryBytes;
    requested.ephemeralStorageBytes += sign * info.requests.ephemeralStorageBytes;
    for (const [name, amount] of info.requests.scalars) {
      requested.scalars.set(name, (requested.scalars.get(name) ?? 0) + sign * amount);
    }
    scoreRequested.cpuMillis += sign * info.scoreRequests.cpuMillis;
    scoreRequested.memoryBytes += sign * info.scoreRequests.memoryBytes;
  }

  /** Whether a host port is taken here. */
  usesPort(wanted: HostPort): boolean {
    for (const { hostPorts } of this.pods.values()) {
      for (const used of hostPorts) if (isSamePort(used, wanted)) return true;
    }
    return false;
  }
}
