// PodTopologySpread: keeps pods of a group spread over zones, hosts or any other label.
// https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/

import { findUntoleratedTaint, matchesNodeAffinity } from '../../api/core/pod/placement.ts';
import type { TopologySpreadConstraint } from '../../api/core/pod/scheduling.ts';
import type { Pod } from '../../api/core/pod.ts';
import { matchesLabelSelector, matchesLabels, selectorFromLabels } from '../../machinery/labels.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { PlaceCounts } from '../framework/place-counts.ts';
import { type CycleState, isOfNodesOrPods, maxScore, type Plugin, type Snapshot } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable, unschedulable } from '../framework/status.ts';

const spreadReason = "node(s) didn't match pod topology spread constraints";
const tooMany = unschedulable(spreadReason);
const missingLabel = unresolvable(`${spreadReason} (missing required label)`);

const name = 'PodTopologySpread';
const hardEffects = ['NoSchedule', 'NoExecute'];

interface Spread {
  constraint: TopologySpreadConstraint;
  /** Matching pods by value of the topology label. */
  counts: PlaceCounts;
  /** What the pod itself adds. */
  self: number;
}

interface ScoreState {
  constraints: TopologySpreadConstraint[];
  spreads: Spread[];
  /** The more places there are, the more the differences between them count. */
  weights: number[];
}

/** The score of nodes that lack a label, until all scores are brought to one scale. */
const nowhere = -1;

const constraintsOf = (pod: Pod, when: string) =>
  (pod.spec.topologySpreadConstraints ?? []).filter((c) => (c.whenUnsatisfiable ?? 'DoNotSchedule') === when);

/** Whether a pod is one of those that are spread. */
function selectorOf(constraint: TopologySpreadConstraint, pod: Pod): (other: Pod) => boolean {
  const { namespace, labels } = pod.metadata;
  const keys = (constraint.matchLabelKeys ?? []).filter((k) => labels?.[k] !== undefined);
  const same = keys.length > 0 ? selectorFromLabels(Object.fromEntries(keys.map((k) => [k, labels![k]!]))) : undefined;
  return ({ metadata: other }) =>
    other.namespace === namespace &&
    matchesLabelSelector(constraint.labelSelector, other.labels) &&
    (!same || matchesLabels(same, other.labels));
}

/** Whether a node's pods count: by default those of nodes the pod may go to by affinity. */
function isEligible(constraint: TopologySpreadConstraint, pod: Pod, { node }: NodeInfo): boolean {
  if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !matchesNodeAffinity(pod.spec, node)) return false;
  if (constraint.nodeTaintsPolicy !== 'Honor') return true;
  return !findUntoleratedTaint(node.spec?.taints, pod.spec.tolerations, hardEffects);
}

const hasAllLabels = (constraints: TopologySpreadConstraint[], { labels }: NodeInfo) =>
  constraints.every((c) => labels[c.topologyKey] !== undefined);

/** All that the counts of a constraint depend on. */
function countsKey(constraint: TopologySpreadConstraint, topologyKeys: readonly string[], { metadata, spec }: Pod) {
  const { topologyKey, labelSelector, matchLabelKeys, nodeAffinityPolicy, nodeTaintsPolicy } = constraint;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return `${name} ${JSON.stringify([
    metadata.namespace,
    topologyKey,
    topologyKeys,
    labelSelector,
    (matchLabelKeys ?? []).map((key) => [key, metadata.labels?.[key]]),
    nodeAffinityPolicy === 'Ignore' ? null : [spec.nodeSelector, required],
    nodeTaintsPolicy === 'Honor' ? (spec.tolerations ?? []) : null,
  ])}`;
}

/** Counts on nodes that have the labels of all constraints; one that lacks any is no place to spread to. */
function countPods(constraints: TopologySpreadConstraint[], pod: Pod, snapshot: Snapshot): Spread[] {
  const topologyKeys = constraints.map((c) => c.topologyKey);
  return constraints.map((constraint) => {
    const { topologyKey } = constraint;
    const counts = snapshot.counts(countsKey(constraint, topologyKeys, pod), () => {
      const isSelected = selectorOf(constraint, pod);
      return {
        topologyKey,
        // One that ends makes room already.
        weigh: ({ pod: other }) => (!other.metadata.deletionTimestamp && isSelected(other) ? 1 : 0),
        isPlace: (node) => hasAllLabels(constraints, node) && isEligible(constraint, pod, node),
      };
    });
    const self = matchesLabelSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    return { constraint, counts, self };
  });
}

function preFilter(state: CycleState, { pod }: PodInfo, snapshot: Snapshot) {
  const constraints = constraintsOf(pod, 'DoNotSchedule');
  if (constraints.length === 0) return skip;
  state.set(name, countPods(constraints, pod, snapshot));
  return success;
}

export const podTopologySpread: Plugin = {
  name,
  mayHelp(event, { pod }) {
    if (!('pod' in event)) return isOfNodesOrPods(event);
    const others = event.type === 'PodUpdated' ? [event.old, event.pod] : [event.pod];
    return constraintsOf(pod, 'DoNotSchedule').some((constraint) => others.some(selectorOf(constraint, pod)));
  },
  preFilter,
  adjust(state, _pod, { node, other, sign }) {
    for (const { counts } of state.get(name) as Spread[]) counts.add(node, other, sign);
  },
  filter(state, _pod, { labels }) {
    for (const { constraint, counts, self } of state.get(name) as Spread[]) {
      const value = labels[constraint.topologyKey];
      if (value === undefined) return missingLabel;
      const least = counts.size < (constraint.minDomains ?? 1) ? 0 : counts.least;
      if (counts.at(value) + self - least > constraint.maxSkew) return tooMany;
    }
    return success;
  },
  preScore(state, { pod }, nodes, snapshot) {
    const constraints = constraintsOf(pod, 'ScheduleAnyway');
    if (constraints.length === 0) return skip;
    const candidates = nodes.filter((node) => hasAllLabels(constraints, node));
    const weights = constraints.map(({ topologyKey }) => {
      const values = new Set(candidates.map(({ labels }) => labels[topologyKey]));
      return Math.log(values.size + 2);
    });
    // Pods count wherever they are, also where this one cannot go.
    const scoreState: ScoreState = { constraints, spreads: countPods(constraints, pod, snapshot), weights };
    state.set(`${name}/score`, scoreState);
    return success;
  },
  score(state, _pod, node) {
    const { constraints, spreads, weights } = state.get(`${name}/score`) as ScoreState;
    if (!hasAllLabels(constraints, node)) return nowhere;
    let sum = 0;
    for (const [i, { constraint, counts }] of spreads.entries())
      sum += counts.around(node) * weights[i]! + constraint.maxSkew - 1;
    return Math.round(sum);
  },
  // Fewer matching pods is better.
  normalize(scores) {
    const known = scores.filter((score) => score !== nowhere);
    const highest = Math.max(...known);
    const lowest = Math.min(...known);
    for (const [i, score] of scores.entries()) {
      if (score === nowhere) scores[i] = 0;
      else scores[i] = highest === 0 ? maxScore : Math.floor((maxScore * (highest + lowest - score)) / highest);
    }
  },
};
