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
const hostname = 'kubernetes.io/hostname';
const hardEffects = ['NoSchedule', 'NoExecute'];

interface Spread {
  constraint: TopologySpreadConstraint;
  /** Matching pods by value of the topology label. */
  counts: PlaceCounts;
  /** What the pod itself adds. */
  self: number;
}

interface ScoreState {
  spreads: Spread[];
  /** Labels without which a node is no place to spread to. */
  needed: readonly string[];
  /** The more places there are, the more the differences between them count. */
  weights: number[];
}

/** The score of nodes that lack a label, until all scores are brought to one scale. */
const nowhere = -1;

type Rule = 'DoNotSchedule' | 'ScheduleAnyway';

export interface SpreadArgs {
  /** How pods are spread that do not say it themselves, with others of their group. */
  defaults: readonly TopologySpreadConstraint[];
  /** By the defaults a node may be a place without having all their labels. */
  isLenient: boolean;
}

export const systemSpread: SpreadArgs = {
  defaults: [
    { maxSkew: 3, topologyKey: hostname, whenUnsatisfiable: 'ScheduleAnyway' },
    { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
  ],
  isLenient: true,
};

const hasOwn = ({ spec }: Pod) => (spec.topologySpreadConstraints ?? []).length > 0;
const ofRule = (constraints: readonly TopologySpreadConstraint[], rule: Rule) =>
  constraints.filter((c) => (c.whenUnsatisfiable ?? 'DoNotSchedule') === rule);

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

const hasAllLabels = (keys: readonly string[], { labels }: NodeInfo) => keys.every((key) => labels[key] !== undefined);

/** All that the counts of a constraint depend on. */
function countsKey(constraint: TopologySpreadConstraint, needed: readonly string[], { metadata, spec }: Pod) {
  const { topologyKey, labelSelector, matchLabelKeys, nodeAffinityPolicy, nodeTaintsPolicy } = constraint;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return `${name} ${JSON.stringify([
    metadata.namespace,
    topologyKey,
    needed,
    labelSelector,
    (matchLabelKeys ?? []).map((key) => [key, metadata.labels?.[key]]),
    nodeAffinityPolicy === 'Ignore' ? null : [spec.nodeSelector, required],
    nodeTaintsPolicy === 'Honor' ? (spec.tolerations ?? []) : null,
  ])}`;
}

interface Counting {
  pod: Pod;
  constraints: readonly TopologySpreadConstraint[];
  /** Labels without which a node is no place to spread to. */
  needed: readonly string[];
  rule: Rule;
}

function countPods({ pod, constraints, needed, rule }: Counting, snapshot: Snapshot): Spread[] {
  return constraints.map((constraint) => {
    const { topologyKey } = constraint;
    const counts = snapshot.counts(`${rule} ${countsKey(constraint, needed, pod)}`, () => {
      const isSelected = selectorOf(constraint, pod);
      return {
        topologyKey,
        countsEmpty: rule === 'DoNotSchedule',
        // One that ends makes room already.
        weigh: ({ pod: other }) => (!other.metadata.deletionTimestamp && isSelected(other) ? 1 : 0),
        isPlace: (node) => hasAllLabels(needed, node) && isEligible(constraint, pod, node),
      };
    });
    const self = matchesLabelSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    return { constraint, counts, self };
  });
}

const keysOf = (constraints: readonly TopologySpreadConstraint[]) => constraints.map((c) => c.topologyKey);

/** The more values a label has on these nodes, the more it counts. */
function weightOf(topologyKey: string, nodes: readonly NodeInfo[]): number {
  // Each host is one of its own.
  const values = topologyKey === hostname ? nodes.length : new Set(nodes.map(({ labels }) => labels[topologyKey])).size;
  return Math.log(values + 2);
}

function filter(state: CycleState, _pod: PodInfo, { labels }: NodeInfo) {
  for (const { constraint, counts, self } of state.get(name) as Spread[]) {
    const value = labels[constraint.topologyKey];
    if (value === undefined) return missingLabel;
    const least = counts.size < (constraint.minDomains ?? 1) ? 0 : counts.least;
    if (counts.at(value) + self - least > constraint.maxSkew) return tooMany;
  }
  return success;
}

function score(state: CycleState, _pod: PodInfo, node: NodeInfo): number {
  const { spreads, needed, weights } = state.get(`${name}/score`) as ScoreState;
  if (!hasAllLabels(needed, node)) return nowhere;
  let sum = 0;
  for (let i = 0; i < spreads.length; i++) {
    const { constraint, counts } = spreads[i]!;
    if (node.labels[constraint.topologyKey] === undefined) continue;
    sum += counts.around(node) * weights[i]! + constraint.maxSkew - 1;
  }
  return Math.round(sum);
}

/** Fewer matching pods is better. */
function normalize(scores: number[]): void {
  const known = scores.filter((one) => one !== nowhere);
  const highest = Math.max(...known);
  const lowest = Math.min(...known);
  for (const [i, one] of scores.entries()) {
    if (one === nowhere) scores[i] = 0;
    else scores[i] = highest === 0 ? maxScore : Math.floor((maxScore * (highest + lowest - one)) / highest);
  }
}

export function createPodTopologySpread({ defaults, isLenient }: SpreadArgs): Plugin {
  const hardDefaults = ofRule(defaults, 'DoNotSchedule');
  const softDefaults = ofRule(defaults, 'ScheduleAnyway');
  const constraintsOf = (pod: Pod, rule: Rule, snapshot: Snapshot) => {
    if (hasOwn(pod)) return ofRule(pod.spec.topologySpreadConstraints!, rule);
    const those = rule === 'DoNotSchedule' ? hardDefaults : softDefaults;
    const labelSelector = those.length > 0 ? snapshot.groupSelector(pod) : undefined;
    return labelSelector ? those.map((constraint) => ({ ...constraint, labelSelector })) : [];
  };
  return {
    name,
    mayHelp(event, { pod }) {
      if (!('pod' in event)) return isOfNodesOrPods(event);
      const others = event.type === 'PodUpdated' ? [event.old, event.pod] : [event.pod];
      // Which group it belongs to is not at hand here.
      if (!hasOwn(pod)) return others.some(({ metadata }) => metadata.namespace === pod.metadata.namespace);
      const constraints = ofRule(pod.spec.topologySpreadConstraints!, 'DoNotSchedule');
      return constraints.some((constraint) => others.some(selectorOf(constraint, pod)));
    },
    preFilter(state, { pod }, snapshot) {
      const rule = 'DoNotSchedule';
      const constraints = constraintsOf(pod, rule, snapshot);
      if (constraints.length === 0) return skip;
      state.set(name, countPods({ pod, constraints, needed: keysOf(constraints), rule }, snapshot));
      return success;
    },
    adjust(state, _pod, { node, other, sign }) {
      for (const { counts } of state.get(name) as Spread[]) counts.add(node, other, sign);
    },
    filter,
    preScore(state, { pod }, nodes, snapshot) {
      const rule = 'ScheduleAnyway';
      const constraints = constraintsOf(pod, rule, snapshot);
      if (constraints.length === 0) return skip;
      const needed = isLenient && !hasOwn(pod) ? [] : keysOf(constraints);
      const candidates = needed.length > 0 ? nodes.filter((node) => hasAllLabels(needed, node)) : nodes;
      // Pods count wherever they are, also where this one cannot go.
      const scoreState: ScoreState = {
        spreads: countPods({ pod, constraints, needed, rule }, snapshot),
        needed,
        weights: constraints.map(({ topologyKey }) => weightOf(topologyKey, candidates)),
      };
      state.set(`${name}/score`, scoreState);
      return success;
    },
    score,
    normalize,
  };
}

export const podTopologySpread = createPodTopologySpread(systemSpread);
