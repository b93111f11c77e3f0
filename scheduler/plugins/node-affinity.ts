// NodeAffinity: nodeSelector and required node affinity keep pods off nodes; preferred terms add up to a score.
import type { NodeAffinity, NodeSelectorTerm } from '../../api/core/pod/affinity.ts';
import { compileNodeAffinity, matchesNodeAffinity, matchesNodeSelectorTerm } from '../../api/core/pod/placement.ts';
import type { PodSpec } from '../../api/core/pod/pod-spec.ts';
import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable } from '../framework/status.ts';

const name = 'NodeAffinity';
const mismatch = unresolvable("node(s) didn't match Pod's node affinity/selector");
const unenforced = unresolvable("node(s) didn't match scheduler-enforced node affinity");
const conflict = unresolvable('pod affinity terms conflict');

const requiredOf = ({ pod }: PodInfo) =>
  pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
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

/** `addedAffinity` holds for all pods, beside their own. */
export function createNodeAffinity({ addedAffinity }: { addedAffinity?: NodeAffinity }): Plugin {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const isEnforced = added && compileNodeAffinity({ affinity: { nodeAffinity: addedAffinity } } as PodSpec);
  const preferred = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferredOf = ({ pod }: PodInfo) => [
    ...preferred,
    ...(pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
  ];
  return {
    name,
    mayHelp: (event, { pod }) =>
      (event.type === 'NodeAdded' || event.type === 'NodeUpdated') &&
      (isEnforced?.(event.node.node) ?? true) &&
      matchesNodeAffinity(pod.spec, event.node.node),
    preFilter(state, info) {
      if (!info.pod.spec.nodeSelector && !requiredOf(info) && !isEnforced) return skip;
      state.set(name, compileNodeAffinity(info.pod.spec));
      const nodes = namesOf(info);
      if (!nodes) return success;
      return nodes.size === 0 ? conflict : { code: 'Success', nodes };
    },
    filter(state, _pod, { node }) {
      if (isEnforced && !isEnforced(node)) return unenforced;
      return (state.get(name) as ReturnType<typeof compileNodeAffinity>)(node) ? success : mismatch;
    },
    preScore: (_state, pod) => (preferredOf(pod).length > 0 ? success : skip),
    score: (_state, pod, { node }) =>
      preferredOf(pod)
        .filter((term) => matchesNodeSelectorTerm(term.preference, node))
        .reduce((sum, term) => sum + term.weight, 0),
    normalize: (scores) => normalizeByMax(scores, false),
  };
}

export const nodeAffinity = createNodeAffinity({});
