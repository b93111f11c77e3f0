// NodeDeclaredFeatures: a pod that needs a feature of the kubelet goes to a node that declares it. KEP-5328.
import { featuresToRun, missingFeatures } from '../../api/core/pod/node-features.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { Plugin } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unresolvable } from '../framework/status.ts';

const mismatch = unresolvable("node(s) didn't match Pod's required features");

const fits = ({ pod }: PodInfo, { node }: NodeInfo) => missingFeatures(featuresToRun(pod), node).length === 0;

export const nodeDeclaredFeatures: Plugin = {
  name: 'NodeDeclaredFeatures',
  mayHelp: (event, pod) => (event.type === 'NodeAdded' || event.type === 'NodeUpdated') && fits(pod, event.node),
  preFilter: (_state, { pod }) => (featuresToRun(pod).length > 0 ? success : skip),
  filter: (_state, pod, node) => (fits(pod, node) ? success : mismatch),
};
