// The counts that cycles have asked for, kept as long as they are asked for again: each reads what has changed since, not
// the whole cluster. Pods of one template ask for the same.
import { LRUCache } from 'lru-cache';
import type { NodeInfo } from '../framework/node-info.ts';
import { type CountRule, PlaceCounts } from '../framework/place-counts.ts';
import type { PodInfo } from '../framework/pod-info.ts';

/** A pod that came to a node or left it; without one, the node itself has changed. */
type Change = { node: NodeInfo; other: PodInfo; sign: 1 | -1 } | { node: NodeInfo; other?: undefined };

/** Pods that count alike: of one namespace, with the same labels, ending or not; how many there are on which node. */
interface Likes {
  one: PodInfo;
  pods: Map<NodeInfo, number>;
}

interface Known {
  counts: PlaceCounts;
  /** How far it has read. */
  at: number;
}

/** Changes that are kept. Counts that are further behind are made anew. */
const keptChanges = 4_096;
/** Nodes of all counts together: about 50 MiB. */
const keptShares = 400_000;

export class CountsCache {
  readonly #nodes: () => Iterable<NodeInfo>;
  #changes: Change[] = [];
  #dropped = 0;
  readonly #likes = new Map<string, Likes>();
  readonly #known = new LRUCache<string, Known>({ maxSize: keptShares });

  /** `nodes` answers all nodes, those that are only known by their pods included. */
  constructor(nodes: () => Iterable<NodeInfo>) {
    this.#nodes = nodes;
  }

  record(change: Change): void {
    if (change.other) this.#sort(change.node, change.other, change.sign);
    if (this.#known.size === 0) return;
    this.#changes.push(change);
    if (this.#changes.length < 2 * keptChanges) return;
    this.#changes = this.#changes.slice(keptChanges);
    this.#dropped += keptChanges;
  }

  #sort(node: NodeInfo, one: PodInfo, sign: 1 | -1): void {
    const { namespace, labels, deletionTimestamp } = one.pod.metadata;
    const key = JSON.stringify([namespace, labels, !deletionTimestamp]);
    const likes = this.#likes.get(key) ?? { one, pods: new Map<NodeInfo, number>() };
    const pods = (likes.pods.get(node) ?? 0) + sign;
    if (pods > 0) likes.pods.set(node, pods);
    else likes.pods.delete(node);
    if (likes.pods.size > 0) this.#likes.set(key, likes);
    else this.#likes.delete(key);
  }

  /** What counted by something other than pods and nodes is no longer true. */
  clear(): void {
    this.#known.clear();
    this.#changes = [];
  }

  /** The counts under a key, up to date. The rule must be the same whenever the key is. */
  get(key: string, rule: () => CountRule): PlaceCounts {
    const at = this.#dropped + this.#changes.length;
    let counts: PlaceCounts;
    const known = this.#known.get(key);
    if (known && known.at >= this.#dropped) {
      counts = known.counts;
      for (let i = known.at - this.#dropped; i < this.#changes.length; i++) apply(counts, this.#changes[i]!);
    } else counts = this.#count(rule());
    this.#known.set(key, { counts, at }, { size: Math.min(1 + counts.breadth, keptShares) });
    return counts;
  }

  #count(rule: CountRule): PlaceCounts {
    const counts = new PlaceCounts(rule);
    if (rule.countsEmpty) for (const node of this.#nodes()) counts.setNode(node);
    for (const { one, pods } of this.#likes.values()) {
      const weight = rule.weigh(one);
      if (weight !== 0) for (const [node, count] of pods) counts.addWeight(node, weight * count);
    }
    return counts;
  }
}

function apply(counts: PlaceCounts, change: Change): void {
  if (change.other) counts.add(change.node, change.other, change.sign);
  else counts.setNode(change.node);
}
