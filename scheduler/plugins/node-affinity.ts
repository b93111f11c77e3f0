// NodeAffinity: nodeSelector and required node affinity keep pods off nodes; preferred terms add up to a score.
import type { NodeSelectorTerm } from '../../api/core/pod/affinity.ts';
import { compileNodeAffinity, matchesNodeAffinity, matchesNodeSelectorTerm } from '../../api/core/pod/placement.ts';
import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable } from '../framework/status.ts';

const name = 'NodeAffinity';
const mismatch = unresolvable("node(s) didn't match Pod's node affinity/selector");
const conflict = unresolvable('pod affinity terms conflict');

const requiredOf = ({ pod }: PodInfo) =>
  pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
const preferredOf = ({ pod }: PodInfo) =>
  pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

/** The only nodes that a term allows by their names. */
function namesIn({ matchFields = [] }: NodeSelectorTerm): ReadonlySet<string> | undefined {
  let names: ReadonlySet<string> | undefined;
  for (const { key, operator, values = [] } of matchFields) {
    if (key === 'metadata.name' && operator === 'In') names = new Set(values.filter((v) => names?.has(v) ?? true));
  }
  return names;
}

/** The only nodes that required affinity allows, where each of its terms names some: a daemon's pods do. */
function namesOf(info: PodInfo): ReadonlySet<string> | undefined {
  const terms = requiredOf(info)?.nodeSelectorTerms ?? [];
  const names = terms.map(namesIn);
  if (terms.length === 0 || names.includes(undefined)) return undefined;
  return new Set(names.flatMap((set) => [...set!]));
}

export const nodeAffinity: Plugin = {
  name,
  mayHelp: (event, { pod }) =>
    (event.type === 'NodeAdded' || event.type === 'NodeUpdated') && matchesNodeAffinity(pod.spec, event.node.node),
  preFilter(state, info) {
    if (!info.pod.spec.nodeSelector && !requiredOf(info)) return skip;
    state.set(name, compileNodeAffinity(info.pod.spec));
    const nodes = namesOf(info);
    if (!nodes) return success;
    return nodes.size === 0 ? conflict : { code: 'Success', nodes };
  },
  filter: (state, _pod, { node }) =>
    (state.get(name) as ReturnType<typeof compileNodeAffinity>)(node) ? success : mismatch,
  preScore: (_state, pod) => (preferredOf(pod).length > 0 ? success : skip),
  score: (_state, pod, { node }) =>
    preferredOf(pod)
      .filter((term) => matchesNodeSelectorTerm(term.preference, node))
      .reduce((sum, term) => sum + term.weight, 0),
  normalize: (scores) => normalizeByMax(scores, false),
};
