// How many pods there are by value of a label of their nodes, kept in line pod by pod. What plugins that look at other
// pods have instead of going through all of them in each cycle.
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

export interface CountRule {
  topologyKey: string;
  /** How often a pod counts: by its namespace, its labels and whether it is ending. */
  weigh(other: PodInfo): number;
  /** Whether a node that has the label counts as a place. Absent: every one does. */
  isPlace?(node: NodeInfo): boolean;
  /** Places without a pod are known, too: `size` and `least` are asked for. */
  countsEmpty?: boolean;
}

interface Place {
  pods: number;
  nodes: number;
}

interface Share {
  place: Place | undefined;
  value: string | undefined;
  pods: number;
}

export class PlaceCounts {
  /** Pods in all places. */
  total = 0;
  readonly #rule: CountRule;
  readonly #places = new Map<string, Place>();
  /** What each node adds: to a place, or to none as long as it is not one. */
  readonly #shares = new Map<NodeInfo, Share>();
  /** How many places have so many pods. */
  readonly #levels = new Map<number, number>();
  #least = 0;

  constructor(rule: CountRule) {
    this.#rule = rule;
  }

  /** Nodes that are kept in mind. */
  get breadth(): number {
    return this.#shares.size;
  }

  /** How many places there are, empty ones included. */
  get size(): number {
    return this.#places.size;
  }

  /** The pods of the place with the fewest; infinite where there is no place. */
  get least(): number {
    if (this.#places.size === 0) return Number.POSITIVE_INFINITY;
    if (!this.#levels.has(this.#least)) this.#least = Math.min(...this.#levels.keys());
    return this.#least;
  }

  at(value: string | undefined): number {
    return value === undefined ? 0 : (this.#places.get(value)?.pods ?? 0);
  }

  /** Pods in the place of a node. */
  around({ labels }: NodeInfo): number {
    return this.#places.size === 0 ? 0 : this.at(labels[this.#rule.topologyKey]);
  }

  /** A node has come, changed or gone; its pods are what they were. */
  setNode(node: NodeInfo): void {
    const share = this.#shares.get(node);
    if (!share && !this.#rule.countsEmpty) return;
    const value = this.#valueOf(node);
    if (share && share.value === value) return;
    if (share) this.#leave(share);
    this.#keep(node, this.#enter(value, share?.pods ?? 0));
  }

  /** A pod has come to a node, or with -1 has left it. */
  add(node: NodeInfo, other: PodInfo, sign: 1 | -1): void {
    this.addWeight(node, sign * this.#rule.weigh(other));
  }

  /** Pods that count so much together have come to a node. */
  addWeight(node: NodeInfo, weight: number): void {
    if (weight === 0) return;
    const share = this.#shares.get(node) ?? this.#enter(this.#valueOf(node), 0);
    share.pods += weight;
    if (share.place) this.#change(share.place, weight);
    this.#keep(node, share);
  }

  #keep(node: NodeInfo, share: Share): void {
    if (share.pods !== 0 || (share.place && this.#rule.countsEmpty)) {
      this.#shares.set(node, share);
      return;
    }
    this.#leave(share);
    this.#shares.delete(node);
  }

  #valueOf(node: NodeInfo): string | undefined {
    if (!node.exists) return undefined;
    const value = node.labels[this.#rule.topologyKey];
    return value !== undefined && (this.#rule.isPlace?.(node) ?? true) ? value : undefined;
  }

  #enter(value: string | undefined, pods: number): Share {
    if (value === undefined) return { place: undefined, value, pods };
    let place = this.#places.get(value);
    if (!place) {
      place = { pods: 0, nodes: 0 };
      this.#places.set(value, place);
      this.#level(0, 1);
    }
    place.nodes++;
    this.#change(place, pods);
    return { place, value, pods };
  }

  #leave({ place, value, pods }: Share): void {
    if (!place) return;
    this.#change(place, -pods);
    if (--place.nodes > 0) return;
    this.#places.delete(value!);
    this.#level(place.pods, -1);
  }

  #change(place: Place, by: number): void {
    if (by === 0) return;
    this.#level(place.pods, -1);
    place.pods += by;
    this.total += by;
    this.#level(place.pods, 1);
  }

  #level(pods: number, by: 1 | -1): void {
    const places = (this.#levels.get(pods) ?? 0) + by;
    if (places > 0) this.#levels.set(pods, places);
    else this.#levels.delete(pods);
    if (by > 0 && pods < this.#least) this.#least = pods;
  }
}
