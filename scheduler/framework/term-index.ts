// The affinity terms of pods that have a node, each kept once with the places of those who have it: pods made from one
// template share theirs. A pod that looks for a node is held against the terms, not against the pods.
import type { PodAffinityTerm } from '../../api/core/pod/affinity.ts';
import type { NodeInfo } from './node-info.ts';
import { PlaceCounts } from './place-counts.ts';
import type { PodInfo, WeightedTerm } from './pod-info.ts';

export interface IndexedTerm {
  /** One of those who have it: what they say of others is the same for all. */
  owner: PodInfo;
  term: PodAffinityTerm;
  /** The sum of weights by place; a term against is negative. */
  places: PlaceCounts;
  /** Pods that have it. */
  owners: number;
}

/** What a term says: its text, its owner's namespace and the labels of the owner that it goes by. */
export function termKey(term: PodAffinityTerm, { pod }: PodInfo): string {
  const keys = [...(term.matchLabelKeys ?? []), ...(term.mismatchLabelKeys ?? [])];
  return JSON.stringify([pod.metadata.namespace, term, keys.map((key) => pod.metadata.labels?.[key])]);
}

export class TermIndex {
  readonly #terms = new Map<string, IndexedTerm>();
  readonly #termsOf: (info: PodInfo) => readonly WeightedTerm[];

  constructor(termsOf: (info: PodInfo) => readonly WeightedTerm[]) {
    this.#termsOf = termsOf;
  }

  get terms(): Iterable<IndexedTerm> {
    return this.#terms.values();
  }

  get isEmpty(): boolean {
    return this.#terms.size === 0;
  }

  setNode(node: NodeInfo): void {
    for (const { places } of this.#terms.values()) places.setNode(node);
  }

  /** A pod has come to a node, or with -1 has left it; answers the terms it has. */
  add(node: NodeInfo, info: PodInfo, sign: 1 | -1): readonly IndexedTerm[] {
    const terms = this.#termsOf(info);
    if (terms.length === 0) return [];
    return terms.map(({ term, weight }) => {
      const key = `${weight} ${termKey(term, info)}`;
      let known = this.#terms.get(key);
      if (!known) {
        const places = new PlaceCounts({ topologyKey: term.topologyKey, weigh: () => weight });
        known = { owner: info, term, places, owners: 0 };
        this.#terms.set(key, known);
      }
      known.places.add(node, info, sign);
      known.owners += sign;
      if (known.owners === 0) this.#terms.delete(key);
      return known;
    });
  }
}
