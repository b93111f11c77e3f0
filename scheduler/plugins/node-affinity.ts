// NodeAffinity: nodeSelector and required node affinity keep pods off nodes; preferred terms add up to a score.
import { matchesNodeAffinity, matchesNodeSelectorTerm } from '../../api/core/pod/placement.ts';
import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import { skip, success, unresolvable } from '../framework/status.ts';

const nodeAffinityReason = "node(s) didn't match Pod's node affinity/selector";

const preferredOf = (pod: Parameters<NonNullable<Plugin['filter']>>[1]) =>
  pod.pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  mayHelp: (event, { pod }) =>
    (event.type === 'NodeAdded' || event.type === 'NodeUpdated') && matchesNodeAffinity(pod.spec, event.node.node),
  preFilter(_state, { pod }) {
    const { nodeSelector, affinity } = pod.spec;
    return nodeSelector || affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution ? success : skip;
  },
  filter: (_state, { pod }, { node }) =>
    matchesNodeAffinity(pod.spec, node) ? success : unresolvable(nodeAffinityReason),
  preScore: (_state, pod) => (preferredOf(pod).length > 0 ? success : skip),
  score: (_state, pod, { node }) =>
    preferredOf(pod)
      .filter((term) => matchesNodeSelectorTerm(term.preference, node))
      .reduce((sum, term) => sum + term.weight, 0),
  normalize: (scores) => normalizeByMax(scores, false),
};
