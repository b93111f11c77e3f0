// TaintToleration: keeps pods off nodes whose taints they do not tolerate, and prefers nodes with
// fewer taints of the soft kind.

import { findUntoleratedTaint, toleratesTaint } from '../../api/core/pod/placement.ts';
import type { Toleration } from '../../api/core/pod/scheduling.ts';
import { normalizeByMax, type Plugin } from '../framework/plugin.ts';
import { success, unresolvable } from '../framework/status.ts';

const tainted = unresolvable('node(s) had untolerated taint(s)');

const name = 'TaintToleration';
const hardEffects = ['NoSchedule', 'NoExecute'];

export const taintToleration: Plugin = {
  name,
  mayHelp: (event, { pod }) =>
    (event.type === 'NodeAdded' || event.type === 'NodeUpdated') &&
    !findUntoleratedTaint(event.node.node.spec?.taints, pod.spec.tolerations, hardEffects),
  filter: (_state, { pod }, { node }) =>
    findUntoleratedTaint(node.spec?.taints, pod.spec.tolerations, hardEffects) ? tainted : success,
  preScore(state, { pod }) {
    const soft = (pod.spec.tolerations ?? []).filter((t) => !t.effect || t.effect === 'PreferNoSchedule');
    state.set(name, soft);
    return success;
  },
  score(state, _pod, { node }) {
    const taints = node.spec?.taints;
    if (!taints) return 0;
    const tolerations = state.get(name) as Toleration[];
    const soft = taints.filter((t) => t.effect === 'PreferNoSchedule');
    return soft.filter((taint) => !tolerations.some((t) => toleratesTaint(t, taint))).length;
  },
  normalize: (scores) => normalizeByMax(scores, true),
};
