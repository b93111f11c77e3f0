// InterPodAffinity: pods that want to be near, or not near, other pods, by a label of their nodes.
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity

import type { PodAffinityTerm } from '../../api/core/pod/affinity.ts';
import type { Pod } from '../../api/core/pod.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import {
  type Change,
  type CycleState,
  isOfNodesOrPods,
  maxScore,
  type Plugin,
  type Snapshot,
} from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable, unschedulable } from '../framework/status.ts';

const affinityReason = "node(s) didn't match pod affinity rules";
const antiAffinityReason = "node(s) didn't match pod anti-affinity rules";
const existingAntiAffinityReason = "node(s) didn't satisfy existing pods anti-affinity rules";

const name = 'InterPodAffinity';

/** What it is worth to a pod to be where another one must have its like (upstream: hardPodAffinityWeight). */
const requiredAffinityWeight = 1;

/** How many pods there are by `key=value` of a topology label, by the term it belongs to or for all. */
type Places = Map<string, number>;

interface State {
  /** Where pods are that all required affinity terms select. */
  affinity: Places;
  /** The pod is one of those itself: it may be the first of its group. */
  selectsItself: boolean;
  antiAffinity: Places;
  /** Where pods are that do not want this one near. */
  existing: Places;
}

/** What it is worth to be where a topology label has a value. */
type Points = Map<string, Map<string, number>>;

const placeOf = (topologyKey: string, node: NodeInfo): string | undefined => {
  const value = node.node.metadata.labels?.[topologyKey];
  return value === undefined ? undefined : `${topologyKey}=${value}`;
};

function selectsNamespace(term: PodAffinityTerm, owner: Pod, namespace: string, snapshot: Snapshot): boolean {
  const { namespaces = [], namespaceSelector } = term;
  if (namespaces.length === 0 && namespaceSelector === undefined) return namespace === owner.metadata.namespace;
  if (namespaces.includes(namespace)) return true;
  return (
    namespaceSelector !== undefined && matchesLabelSelector(namespaceSelector, snapshot.namespaceLabels(namespace))
  );
}

/** Whether a term of `owner` selects `other`. */
function selects(term: PodAffinityTerm, owner: Pod, other: Pod, snapshot: Snapshot): boolean {
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

/** Counts a pod on a node, or with -1 no longer. */
function countPod(state: State, info: PodInfo, { node, other, sign }: Change, snapshot: Snapshot): void {
  const add = (places: Places, { topologyKey }: PodAffinityTerm) => {
    const place = placeOf(topologyKey, node);
    if (place === undefined) return;
    const count = (places.get(place) ?? 0) + sign;
    if (count > 0) places.set(place, count);
    else places.delete(place);
  };
  if (selectsByAll(info, other.pod, snapshot)) for (const term of info.requiredAffinity) add(state.affinity, term);
  for (const term of info.requiredAntiAffinity)
    if (selects(term, info.pod, other.pod, snapshot)) add(state.antiAffinity, term);
  for (const term of other.requiredAntiAffinity)
    if (selects(term, other.pod, info.pod, snapshot)) add(state.existing, term);
}

function preFilter(state: CycleState, info: PodInfo, snapshot: Snapshot) {
  const { nodes } = snapshot;
  const wantsNothing = info.requiredAffinity.length === 0 && info.requiredAntiAffinity.length === 0;
  if (wantsNothing && !nodes.some((n) => n.antiAffinityPods > 0)) return skip;
  const selectsItself = selectsByAll(info, info.pod, snapshot);
  const result: State = { affinity: new Map(), selectsItself, antiAffinity: new Map(), existing: new Map() };
  for (const node of nodes) {
    if (wantsNothing && node.antiAffinityPods === 0) continue;
    for (const other of node.pods.values()) countPod(result, info, { node, other, sign: 1 }, snapshot);
  }
  state.set(name, result);
  return success;
}

export const interPodAffinity: Plugin = {
  name,
  mayHelp: isOfNodesOrPods,
  preFilter,
  adjust: (state, info, change, snapshot) => countPod(state.get(name) as State, info, change, snapshot),
  filter(state, info, node) {
    const { affinity, selectsItself, antiAffinity, existing } = state.get(name) as State;
    const isFirst = selectsItself && affinity.size === 0;
    for (const term of info.requiredAffinity) {
      const place = placeOf(term.topologyKey, node);
      if (place === undefined || !(affinity.has(place) || isFirst)) return unresolvable(affinityReason);
    }
    for (const term of info.requiredAntiAffinity) {
      const place = placeOf(term.topologyKey, node);
      if (place !== undefined && antiAffinity.has(place)) return unschedulable(antiAffinityReason);
    }
    if (existing.size === 0) return success;
    const labels = Object.entries(node.node.metadata.labels ?? {});
    return labels.some(([k, v]) => existing.has(`${k}=${v}`)) ? unschedulable(existingAntiAffinityReason) : success;
  },
  preScore(state, info, _nodes, snapshot) {
    const { pod, preferredAffinity: mine } = info;
    const { nodes } = snapshot; // pods also count where this one cannot go
    if (mine.length === 0 && !nodes.some((n) => n.attractingPods > 0)) return skip;
    const points: Points = new Map();
    const add = ({ topologyKey }: PodAffinityTerm, weight: number, node: NodeInfo) => {
      const value = node.node.metadata.labels?.[topologyKey];
      if (value === undefined) return;
      const byValue = points.get(topologyKey) ?? new Map<string, number>();
      byValue.set(value, (byValue.get(value) ?? 0) + weight);
      points.set(topologyKey, byValue);
    };
    for (const node of nodes) {
      if (mine.length === 0 && node.attractingPods === 0) continue;
      for (const other of node.pods.values()) {
        for (const { term, weight } of mine) if (selects(term, pod, other.pod, snapshot)) add(term, weight, node);
        for (const { term, weight } of other.preferredAffinity)
          if (selects(term, other.pod, pod, snapshot)) add(term, weight, node);
        for (const term of other.requiredAffinity)
          if (selects(term, other.pod, pod, snapshot)) add(term, requiredAffinityWeight, node);
      }
    }
    if (points.size === 0) return skip;
    state.set(`${name}/score`, points);
    return success;
  },
  score(state, _pod, { node }) {
    const { labels } = node.metadata;
    let sum = 0;
    for (const [key, byValue] of state.get(`${name}/score`) as Points) {
      const value = labels?.[key];
      if (value !== undefined) sum += byValue.get(value) ?? 0;
    }
    return sum;
  },
  normalize(scores) {
    const highest = Math.max(...scores.values());
    const lowest = Math.min(...scores.values());
    for (const [node, score] of scores) {
      scores.set(node, highest === lowest ? 0 : Math.floor((maxScore * (score - lowest)) / (highest - lowest)));
    }
  },
};
