// InterPodAffinity: pods that want to be near, or not near, other pods, by a label of their nodes.
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity

import type { PodAffinityTerm } from '../../api/core/pod/affinity.ts';
import type { Pod } from '../../api/core/pod.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { PlaceCounts } from '../framework/place-counts.ts';
import {
  type Change,
  type ClusterEvent,
  type CycleState,
  isOfNodesOrPods,
  maxScore,
  type Plugin,
  type Snapshot,
} from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable, unschedulable } from '../framework/status.ts';
import { type IndexedTerm, type TermIndex, termKey } from '../framework/term-index.ts';

const affinityRefusal = unresolvable("node(s) didn't match pod affinity rules");
const antiAffinityRefusal = unschedulable("node(s) didn't match pod anti-affinity rules");
const existingRefusal = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");

const name = 'InterPodAffinity';

export const defaultAffinityArgs = {
  /** What it is worth to a pod to be where another one must have its like. */
  hardPodAffinityWeight: 1,
  /** What others prefer counts only for a pod that prefers something itself. */
  ignorePreferredTermsOfExistingPods: false,
};

interface State {
  /** Pods that all required affinity terms select, by place of each of the terms. */
  affinity: readonly PlaceCounts[];
  /** The pod is one of those itself: it may be the first of its group. */
  selectsItself: boolean;
  /** Pods that a required anti-affinity term selects, for each of the terms. */
  antiAffinity: readonly PlaceCounts[];
  /** Terms of pods that do not want this one near. */
  existing: IndexedTerm[];
}

/** What it is worth to be in a place: so much for each pod there. */
interface Attraction {
  places: PlaceCounts;
  weight: number;
}

/** What is known of namespaces where their labels are needed. */
type Namespaces = Pick<Snapshot, 'namespaceLabels'>;

function selectsNamespace(term: PodAffinityTerm, owner: Pod, namespace: string, snapshot: Namespaces): boolean {
  const { namespaces = [], namespaceSelector } = term;
  if (namespaces.length === 0 && namespaceSelector === undefined) return namespace === owner.metadata.namespace;
  if (namespaces.includes(namespace)) return true;
  return (
    namespaceSelector !== undefined && matchesLabelSelector(namespaceSelector, snapshot.namespaceLabels(namespace))
  );
}

/** Whether a term of `owner` selects `other`. */
function selects(term: PodAffinityTerm, owner: Pod, other: Pod, snapshot: Namespaces): boolean {
  if (!selectsNamespace(term, owner, other.metadata.namespace ?? '', snapshot)) return false;
  if (!matchesLabelSelector(term.labelSelector, other.metadata.labels)) return false;
  const labels = owner.metadata.labels ?? {};
  const theirs = other.metadata.labels ?? {};
  const same = (term.matchLabelKeys ?? []).every((k) => labels[k] === undefined || labels[k] === theirs[k]);
  return same && (term.mismatchLabelKeys ?? []).every((k) => labels[k] === undefined || labels[k] !== theirs[k]);
}

function selectsByAll({ pod, requiredAffinity }: PodInfo, other: Pod, snapshot: Snapshot): boolean {
  return requiredAffinity.length > 0 && requiredAffinity.every((term) => selects(term, pod, other, snapshot));
}

const selecting = (index: TermIndex, { pod }: PodInfo, snapshot: Snapshot): IndexedTerm[] =>
  index.isEmpty ? [] : [...index.terms].filter(({ owner, term }) => selects(term, owner.pod, pod, snapshot));

/** Pods that a term of this one selects. */
const selectedBy = (term: PodAffinityTerm, info: PodInfo, snapshot: Snapshot): PlaceCounts =>
  snapshot.counts(`${name} ${termKey(term, info)}`, () => ({
    topologyKey: term.topologyKey,
    weigh: (other) => (selects(term, info.pod, other.pod, snapshot) ? 1 : 0),
  }));

function selectedByAll(info: PodInfo, snapshot: Snapshot): PlaceCounts[] {
  const { requiredAffinity } = info;
  const key = requiredAffinity.map((term) => termKey(term, info)).join();
  return requiredAffinity.map(({ topologyKey }) =>
    snapshot.counts(`${name} all ${topologyKey} ${key}`, () => ({
      topologyKey,
      weigh: (other) => (selectsByAll(info, other.pod, snapshot) ? 1 : 0),
    })),
  );
}

function preFilter(state: CycleState, info: PodInfo, snapshot: Snapshot) {
  const existing = selecting(snapshot.repelling, info, snapshot);
  const { requiredAffinity, requiredAntiAffinity } = info;
  if (requiredAffinity.length === 0 && requiredAntiAffinity.length === 0 && existing.length === 0) return skip;
  const result: State = {
    affinity: selectedByAll(info, snapshot),
    selectsItself: selectsByAll(info, info.pod, snapshot),
    antiAffinity: requiredAntiAffinity.map((term) => selectedBy(term, info, snapshot)),
    existing,
  };
  state.set(name, result);
  return success;
}

function adjust(state: CycleState, info: PodInfo, { node, other, sign }: Change, snapshot: Snapshot): void {
  const { affinity, antiAffinity, existing } = state.get(name) as State;
  for (const counts of new Set([...affinity, ...antiAffinity])) counts.add(node, other, sign);
  for (const one of snapshot.repelling.add(node, other, sign))
    if (!existing.includes(one) && selects(one.term, one.owner.pod, info.pod, snapshot)) existing.push(one);
}

function filter(state: CycleState, info: PodInfo, node: NodeInfo) {
  const { affinity, selectsItself, antiAffinity, existing } = state.get(name) as State;
  if (affinity.length > 0) {
    const isFirst = selectsItself && affinity.every(({ total }) => total === 0);
    const hasPlace = info.requiredAffinity.every(({ topologyKey }) => node.labels[topologyKey] !== undefined);
    if (!hasPlace || !(isFirst || affinity.every((counts) => counts.around(node) > 0))) return affinityRefusal;
  }
  for (const counts of antiAffinity) if (counts.around(node) > 0) return antiAffinityRefusal;
  for (const { places } of existing) if (places.around(node) > 0) return existingRefusal;
  return success;
}

/** Whether a term may select a pod; labels of namespaces are not at hand here. */
const maySelect = (term: PodAffinityTerm, owner: Pod, other: Pod): boolean =>
  term.namespaceSelector !== undefined || selects(term, owner, other, { namespaceLabels: () => undefined });

/** Nodes may be places; of pods only those that this one, or that this one by its labels, keeps away or draws near. */
function mayHelp(event: ClusterEvent, { pod, requiredAffinity, requiredAntiAffinity }: PodInfo): boolean {
  if (!('pod' in event)) return isOfNodesOrPods(event);
  const own = event.type === 'PodAssigned' ? requiredAffinity : [...requiredAffinity, ...requiredAntiAffinity];
  const others = event.type === 'PodUpdated' ? [event.old, event.pod] : [event.pod];
  return others.some((other) => {
    if (own.some((term) => maySelect(term, pod, other))) return true;
    if (event.type === 'PodAssigned') return false;
    const theirs = other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    return theirs.some((term) => maySelect(term, other, pod));
  });
}

export const createInterPodAffinity = (args: typeof defaultAffinityArgs): Plugin => ({
  name,
  mayHelp,
  preFilter,
  adjust,
  filter,
  // Pods also count where this one cannot go.
  preScore(state, info, _nodes, snapshot) {
    if (args.ignorePreferredTermsOfExistingPods && info.preferredAffinity.length === 0) return skip;
    const hardWeight = args.hardPodAffinityWeight;
    const attractions: Attraction[] = [
      ...info.preferredAffinity.map(({ term, weight }) => ({ places: selectedBy(term, info, snapshot), weight })),
      ...selecting(snapshot.preferring, info, snapshot).map(({ places }) => ({ places, weight: 1 })),
      ...selecting(snapshot.requiring, info, snapshot).map(({ places }) => ({
        places,
        weight: hardWeight,
      })),
    ].filter(({ places }) => places.total !== 0);
    if (attractions.length === 0) return skip;
    state.set(`${name}/score`, attractions);
    return success;
  },
  score(state, _pod, node) {
    let sum = 0;
    for (const { places, weight } of state.get(`${name}/score`) as Attraction[]) sum += weight * places.around(node);
    return sum;
  },
  normalize(scores) {
    const highest = Math.max(...scores);
    const lowest = Math.min(...scores);
    // The share first, as upstream has it: what is rounded depends on it.
    for (const [i, score] of scores.entries())
      scores[i] = highest === lowest ? 0 : Math.trunc(maxScore * ((score - lowest) / (highest - lowest)));
  },
});

export const interPodAffinity = createInterPodAffinity(defaultAffinityArgs);
