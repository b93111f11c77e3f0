// The counts that cycles have asked for, kept as long as they are asked for again: each reads what has changed since, not
// the whole cluster. Pods of one template ask for the same.
import { LRUCache } from 'lru-cache';
import type { NodeInfo } from '../framework/node-info.ts';
import { type CountRule, PlaceCounts } from '../framework/place-counts.ts';
import type { PodInfo } from '../framework/pod-info.ts';

/** A pod that came to a node or left it; without one, the node itself has changed. */
type Change = { node: NodeInfo; other: PodInfo; sign: 1 | -1 } | { node: NodeInfo; other?: undefined };

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
  readonly #known = new LRUCache<string, Known>({ maxSize: keptShares });

  /** `nodes` answers all nodes, those that are only known by their pods included. */
  constructor(nodes: () => Iterable<NodeInfo>) {
    this.#nodes = nodes;
  }

  record(change: Change): void {
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
    const end = this.#dropped + this.#changes.length;
    const known = this.#known.get(key);
    if (known && known.at >= this.#dropped) {
      for (let i = known.at - this.#dropped; i < this.#changes.length; i++) apply(known.counts, this.#changes[i]!);
      known.at = end;
      return known.counts;
    }
    const counts = new PlaceCounts(rule());
    let size = 1;
    for (const node of this.#nodes()) {
      size++;
      counts.setNode(node);
      for (const other of node.pods.values()) counts.add(node, other, 1);
    }
    this.#known.set(key, { counts, at: end }, { size: Math.min(size, keptShares) });
    return counts;
  }
}

function apply(counts: PlaceCounts, change: Change): void {
  if (change.other) counts.add(change.node, change.other, change.sign);
  else counts.setNode(change.node);
}
