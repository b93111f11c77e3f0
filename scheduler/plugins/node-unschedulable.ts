// NodeUnschedulable: a cordoned node takes only pods that tolerate it.
import { toleratesTaint } from '../../api/core/pod/placement.ts';
import type { Plugin } from '../framework/plugin.ts';
import { success, unresolvable } from '../framework/status.ts';

const nodeUnschedulableReason = 'node(s) were unschedulable';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  mayHelp: (event) =>
    (event.type === 'NodeAdded' || event.type === 'NodeUpdated') && !event.node.node.spec?.unschedulable,
  filter(_state, { pod }, { node }) {
    if (!node.spec?.unschedulable) return success;
    const tolerated = (pod.spec.tolerations ?? []).some((t) => toleratesTaint(t, taint));
    return tolerated ? success : unresolvable(nodeUnschedulableReason);
  },
};
