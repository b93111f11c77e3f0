// NodeName: a pod that names its node fits only there.
import type { Plugin } from '../framework/plugin.ts';
import { success, unresolvable } from '../framework/status.ts';

const nodeNameReason = "node(s) didn't match the requested node name";

export const nodeName: Plugin = {
  name: 'NodeName',
  mayHelp: (event) => event.type === 'NodeAdded',
  filter: (_state, { pod }, node) =>
    !pod.spec.nodeName || pod.spec.nodeName === node.name ? success : unresolvable(nodeNameReason),
};
