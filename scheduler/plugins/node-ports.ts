// NodePorts: two pods do not share a host port.
import type { Plugin } from '../framework/plugin.ts';
import { skip, success, unschedulable } from '../framework/status.ts';

const nodePortsReason = "node(s) didn't have free ports for the requested pod ports";

export const nodePorts: Plugin = {
  name: 'NodePorts',
  mayHelp: (event) => event.type === 'NodeAdded' || event.type === 'PodRemoved',
  preFilter: (_state, { hostPorts }) => (hostPorts.length > 0 ? success : skip),
  filter: (_state, { hostPorts }, node) =>
    hostPorts.some((p) => node.usesPort(p)) ? unschedulable(nodePortsReason) : success,
};
