// Which part of the pods' range each node has. Pure bookkeeping. Upstream:
// pkg/controller/nodeipam/ipam/cidrset, which goes round through the whole range; here the lowest
// free part is next, so that a node that is deleted and registers again gets what it had.
import { overlap, parseSubnet, type Subnet, subnetAt } from '../../machinery/subnet.ts';

export interface NodeRangeOptions {
  /** The range of all pods, IPv4. */
  clusterCidr: string;
  /** Bits of the mask of each node's part. */
  nodeMaskSize: number;
  /** Given to no node. */
  serviceCidr?: string;
}

const maxSubnetBits = 16;

/** The subnet, or undefined where the text is none that could be part of an IPv4 range. */
function readSubnet(text: string): Subnet | undefined {
  try {
    return parseSubnet(text);
  } catch {
    return undefined; // of another family or with bits below its mask: in nobody's way
  }
}

export class NodeRanges {
  readonly #cluster: Subnet;
  readonly #nodeMaskSize: number;
  readonly #count: number;
  /** How many hold each part. A part may be taken twice: what is written on nodes is honoured. */
  readonly #holders: Uint32Array;
  readonly #byNode = new Map<string, readonly string[]>();

  /** Throws when the cluster's range cannot be divided like that. */
  constructor({ clusterCidr, nodeMaskSize, serviceCidr }: NodeRangeOptions) {
    this.#cluster = parseSubnet(clusterCidr);
    this.#nodeMaskSize = nodeMaskSize;
    const bits = nodeMaskSize - this.#cluster.prefixLength;
    if (!Number.isInteger(bits) || bits < 0 || nodeMaskSize > 32)
      throw new Error(`${clusterCidr} cannot be divided into parts of /${nodeMaskSize}`);
    if (bits > maxSubnetBits)
      throw new Error(`${clusterCidr} has more than 2^${maxSubnetBits} parts of /${nodeMaskSize}`);
    this.#count = 2 ** bits;
    this.#holders = new Uint32Array(this.#count);
    if (serviceCidr !== undefined) this.#mark(parseSubnet(serviceCidr), 1);
  }

  /** Notes what a node has, instead of what it had. False when some of it is outside the cluster's range. */
  hold(node: string, cidrs: readonly string[]): boolean {
    this.release(node);
    this.#byNode.set(node, cidrs);
    return cidrs.map((cidr) => this.#markText(cidr, 1)).every(Boolean);
  }

  /** What the node had can be given again. True when it had something. */
  release(node: string): boolean {
    for (const cidr of this.#byNode.get(node) ?? []) this.#markText(cidr, -1);
    return this.#byNode.delete(node);
  }

  /** What the node holds already, or the lowest free part, which it holds from now on; undefined when all are taken. */
  allocate(node: string): readonly string[] | undefined {
    const held = this.#byNode.get(node);
    if (held) return held;
    const free = this.#holders.indexOf(0);
    if (free < 0) return undefined;
    const cidrs = [subnetAt(this.#cluster, this.#nodeMaskSize, free)];
    this.hold(node, cidrs);
    return cidrs;
  }

  #markText(cidr: string, change: 1 | -1): boolean {
    const subnet = readSubnet(cidr);
    return subnet !== undefined && this.#mark(subnet, change);
  }

  /** A range can be smaller than a part or span several. */
  #mark(subnet: Subnet, change: 1 | -1): boolean {
    if (!overlap(subnet, this.#cluster)) return false;
    const partSize = 2 ** (32 - this.#nodeMaskSize);
    const offset = subnet.base - this.#cluster.base;
    const first = Math.max(0, Math.floor(offset / partSize));
    const last = Math.min(this.#count - 1, Math.ceil((offset + 2 ** (32 - subnet.prefixLength)) / partSize) - 1);
    for (let i = first; i <= last; i++) this.#holders[i]! += change;
    return true;
  }
}
