// Features of a node that a pod, or a change of it, asks for: a node says in status.declaredFeatures which it has.
// Upstream: component-helpers/nodedeclaredfeatures, of v1.36. KEP-5328.
import { jsonEqual } from '../../../machinery/json.ts';
import type { Node } from '../node.ts';
import type { Pod } from '../pod.ts';
import { isSidecar } from './resource-totals.ts';
import { couldRestartAll } from './status-validation.ts';

/** What a node must have to run the pod. */
export const featuresToRun = (pod: Pod): string[] =>
  couldRestartAll(pod) ? ['RestartAllContainersOnContainerExits'] : [];

/** What the pod's node must have to resize it; both have the same containers. */
export function featuresToResize({ spec: next }: Pod, { spec: old }: Pod): string[] {
  const isPodChanged = !jsonEqual(next.resources, old.resources);
  const isInitChanged = old.initContainers?.some(
    (container, i) => !isSidecar(container) && !jsonEqual(next.initContainers![i]!.resources, container.resources),
  );
  return [
    ...(isPodChanged ? ['InPlacePodLevelResourcesVerticalScaling'] : []),
    ...(isInitChanged ? ['InPlacePodVerticalScalingInitContainers'] : []),
  ];
}

/** Those that the node has not. */
export function missingFeatures(wanted: readonly string[], { status }: Node): string[] {
  return wanted.filter((feature) => !status?.declaredFeatures?.includes(feature));
}
