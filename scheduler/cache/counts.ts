// The counts that cycles have asked for, kept as long as they are asked for again: each reads what has changed since, not
// the whole cluster. Pods of one template ask for the same.
import { LRUCache } from 'lru-cache';
import type { NodeInfo } from '../framework/node-info.ts';
import { type CountRule, PlaceCounts } from '../framework/place-counts.ts';
import type { PodInfo } from '../framework/pod-info.ts';

/** Pods that count alike: of one namespace, with the same labels, ending or not; how many there are on which node. */
interface Likes {
  one: PodInfo;
  pods: Map<NodeInfo, number>;
}

/** A pod like others has come to a node or left it; without one, the node itself has changed. */
type Change = { node: NodeInfo; likes: Likes; sign: 1 | -1 } | { node: NodeInfo; likes?: undefined };

interface Known {
  counts: PlaceCounts;
  rule: CountRule;
  /** What has been asked of the rule already. */
  weights: WeakMap<Likes, number>;
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

  nodeChanged(node: NodeInfo): void {
    this.#record({ node });
  }

  /** A pod has come to a node, or with -1 has left it. */
  podChanged(node: NodeInfo, one: PodInfo, sign: 1 | -1): void {
    const { namespace, labels, deletionTimestamp } = one.pod.metadata;
    const key = JSON.stringify([namespace, labels, !deletionTimestamp]);
    const likes = this.#likes.get(key) ?? { one, pods: new Map<NodeInfo, number>() };
    const pods = (likes.pods.get(node) ?? 0) + sign;
    if (pods > 0) likes.pods.set(node, pods);
    else likes.pods.delete(node);
    if (likes.pods.size > 0) this.#likes.set(key, likes);
    else this.#likes.delete(key);
    this.#record({ node, likes, sign });
  }

  #record(change: Change): void {
    if (this.#known.size === 0) return;
    this.#changes.push(change);
    if (this.#changes.length < 2 * keptChanges) return;
    this.#changes = this.#changes.slice(keptChanges);
    this.#dropped += keptChanges;
  }

  /** What counted by something other than pods and nodes is no longer true. */
  clear(): void {
    this.#known.clear();
    this.#changes = [];
  }

  /** The counts under a key, up to date. The rule must be the same whenever the key is. */
  get(key: string, rule: () => CountRule): PlaceCounts {
    let known = this.#known.get(key);
    if (known && known.at >= this.#dropped) {
      for (let i = known.at - this.#dropped; i < this.#changes.length; i++) apply(known, this.#changes[i]!);
    } else known = this.#count(rule());
    known.at = this.#dropped + this.#changes.length;
    this.#known.set(key, known, { size: Math.min(1 + known.counts.breadth, keptShares) });
    return known.counts;
  }

  #count(rule: CountRule): Known {
    const counts = new PlaceCounts(rule);
    const known: Known = { counts, rule, weights: new WeakMap(), at: 0 };
    if (rule.countsEmpty) for (const node of this.#nodes()) counts.setNode(node);
    for (const likes of this.#likes.values()) {
      const weight = weightOf(known, likes);
      if (weight !== 0) for (const [node, count] of likes.pods) counts.addWeight(node, weight * count);
    }
    return known;
  }
}

function weightOf({ rule, weights }: Known, likes: Likes): number {
  return weights.getOrInsertComputed(likes, () => rule.weigh(likes.one));
}

function apply(known: Known, change: Change): void {
  if (change.likes) known.counts.addWeight(change.node, change.sign * weightOf(known, change.likes));
  else known.counts.setNode(change.node);
}
