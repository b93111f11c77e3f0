// PodTopologySpread: keeps pods of a group spread over zones, hosts or any other label.
// https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/

import { findUntoleratedTaint, matchesNodeAffinity } from '../../api/core/pod/placement.ts';
import type { TopologySpreadConstraint } from '../../api/core/pod/scheduling.ts';
import type { Pod } from '../../api/core/pod.ts';
import { matchesLabelSelector, matchesLabels, selectorFromLabels } from '../../machinery/labels.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { type CycleState, isOfNodesOrPods, maxScore, type Plugin, type Snapshot } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable, unschedulable } from '../framework/status.ts';

const spreadReason = "node(s) didn't match pod topology spread constraints";
const missingLabelReason = `${spreadReason} (missing required label)`;

const name = 'PodTopologySpread';
const hardEffects = ['NoSchedule', 'NoExecute'];

interface Spread {
  constraint: TopologySpreadConstraint;
  /** Whether a pod is one of those that are spread. */
  counted(other: Pod): boolean;
  /** Matching pods by value of the topology label. */
  counts: Map<string, number>;
  /** The least of the counts, until one of them changes. */
  least: number | undefined;
  /** What the pod itself adds. */
  self: number;
}

interface ScoreState {
  spreads: Spread[];
  /** The more places there are, the more the differences between them count. */
  weights: number[];
}

/** The score of nodes that lack a label, until all scores are brought to one scale. */
const nowhere = -1;

const constraintsOf = (pod: Pod, when: string) =>
  (pod.spec.topologySpreadConstraints ?? []).filter((c) => (c.whenUnsatisfiable ?? 'DoNotSchedule') === when);

function counterOf(constraint: TopologySpreadConstraint, pod: Pod): (other: Pod) => boolean {
  const { namespace, labels } = pod.metadata;
  const keys = (constraint.matchLabelKeys ?? []).filter((k) => labels?.[k] !== undefined);
  const same = keys.length > 0 ? selectorFromLabels(Object.fromEntries(keys.map((k) => [k, labels![k]!]))) : undefined;
  return ({ metadata: other }) =>
    other.namespace === namespace &&
    !other.deletionTimestamp &&
    matchesLabelSelector(constraint.labelSelector, other.labels) &&
    (!same || matchesLabels(same, other.labels));
}

/** Whether a node's pods count: by default those of nodes the pod may go to by affinity. */
function isEligible(constraint: TopologySpreadConstraint, pod: Pod, { node }: NodeInfo): boolean {
  if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !matchesNodeAffinity(pod.spec, node)) return false;
  if (constraint.nodeTaintsPolicy !== 'Honor') return true;
  return !findUntoleratedTaint(node.spec?.taints, pod.spec.tolerations, hardEffects);
}

const hasAllLabels = (constraints: TopologySpreadConstraint[], { node }: NodeInfo) =>
  constraints.every((c) => node.metadata.labels?.[c.topologyKey] !== undefined);

/** Counts on nodes that have the labels of all constraints; one that lacks any is no place to spread to. */
function countPods(constraints: TopologySpreadConstraint[], pod: Pod, nodes: readonly NodeInfo[]): Spread[] {
  const places = nodes.filter((node) => hasAllLabels(constraints, node));
  return constraints.map((constraint) => {
    const counts = new Map<string, number>();
    const counted = counterOf(constraint, pod);
    for (const node of places) {
      if (!isEligible(constraint, pod, node)) continue;
      const value = node.node.metadata.labels![constraint.topologyKey]!;
      let count = counts.get(value) ?? 0;
      for (const other of node.pods.values()) if (counted(other.pod)) count++;
      counts.set(value, count);
    }
    const self = matchesLabelSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    return { constraint, counted, counts, least: undefined, self };
  });
}

function preFilter(state: CycleState, { pod }: PodInfo, snapshot: Snapshot) {
  const constraints = constraintsOf(pod, 'DoNotSchedule');
  if (constraints.length === 0) return skip;
  state.set(name, countPods(constraints, pod, snapshot.nodes));
  return success;
}

export const podTopologySpread: Plugin = {
  name,
  mayHelp: isOfNodesOrPods,
  preFilter,
  adjust(state, { pod }, { node, other, sign }) {
    const spreads = state.get(name) as Spread[];
    const constraints = spreads.map((s) => s.constraint);
    if (!hasAllLabels(constraints, node)) return;
    for (const spread of spreads) {
      const { constraint, counted, counts } = spread;
      if (!isEligible(constraint, pod, node) || !counted(other.pod)) continue;
      const value = node.node.metadata.labels![constraint.topologyKey]!;
      counts.set(value, (counts.get(value) ?? 0) + sign);
      spread.least = undefined;
    }
  },
  filter(state, _pod, { node }) {
    for (const spread of state.get(name) as Spread[]) {
      const { constraint, counts, self } = spread;
      const value = node.metadata.labels?.[constraint.topologyKey];
      if (value === undefined) return unresolvable(missingLabelReason);
      const tooFewDomains = counts.size < (constraint.minDomains ?? 1);
      spread.least ??= Math.min(...counts.values());
      const least = tooFewDomains ? 0 : spread.least;
      if ((counts.get(value) ?? 0) + self - least > constraint.maxSkew) return unschedulable(spreadReason);
    }
    return success;
  },
  preScore(state, { pod }, nodes, snapshot) {
    const constraints = constraintsOf(pod, 'ScheduleAnyway');
    if (constraints.length === 0) return skip;
    const candidates = nodes.filter((node) => hasAllLabels(constraints, node));
    const weights = constraints.map(({ topologyKey }) => {
      const values = new Set(candidates.map(({ node }) => node.metadata.labels![topologyKey]));
      return Math.log(values.size + 2);
    });
    // Pods count wherever they are, also where this one cannot go.
    const scoreState: ScoreState = { spreads: countPods(constraints, pod, snapshot.nodes), weights };
    state.set(`${name}/score`, scoreState);
    return success;
  },
  score(state, _pod, info) {
    const { spreads, weights } = state.get(`${name}/score`) as ScoreState;
    const constraints = spreads.map((s) => s.constraint);
    if (!hasAllLabels(constraints, info)) return nowhere;
    const sum = spreads.reduce((total, { constraint, counts }, i) => {
      const count = counts.get(info.node.metadata.labels![constraint.topologyKey]!) ?? 0;
      return total + count * weights[i]! + constraint.maxSkew - 1;
    }, 0);
    return Math.round(sum);
  },
  // Fewer matching pods is better.
  normalize(scores) {
    const known = [...scores.values()].filter((score) => score !== nowhere);
    const highest = Math.max(...known);
    const lowest = Math.min(...known);
    for (const [node, score] of scores) {
      if (score === nowhere) scores.set(node, 0);
      else scores.set(node, highest === 0 ? maxScore : Math.floor((maxScore * (highest + lowest - score)) / highest));
    }
  },
};
