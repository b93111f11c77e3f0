// Small facts about pods and their containers that many parts of the kubelet ask for: names in
// messages, lists, restart rules.

import type { Container } from '../../api/core/pod/container.ts';
import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { EventTarget } from '../../client/events.ts';

export const uidOf = (pod: Pod) => pod.metadata.uid ?? '';

/** `name_namespace(uid)`, as messages name a pod. */
export const describePod = (pod: Pod) => `${pod.metadata.name}_${pod.metadata.namespace}(${uidOf(pod)})`;

export const initContainersOf = (pod: Pod): readonly Container[] => pod.spec.initContainers ?? [];
export const containersOf = (pod: Pod): readonly Container[] => pod.spec.containers ?? [];
export const ephemeralContainersOf = (pod: Pod): readonly Container[] =>
  (pod.spec.ephemeralContainers ?? []) as readonly Container[];

export const allContainersOf = (pod: Pod): readonly Container[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
  ...ephemeralContainersOf(pod),
];

export const findContainer = (pod: Pod, name: string) => allContainersOf(pod).find((c) => c.name === name);

/** Sidecars and the containers proper: what probes run on and readiness counts. */
export const isInitOnly = (pod: Pod, name: string) =>
  initContainersOf(pod).some((c) => c.name === name && !isSidecar(c));

/** What a pod's status says of a container. */
export const statusOf = (status: PodStatus, name: string) =>
  [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ].find((s) => s.name === name);

/** `spec.containers{name}`, the part of the pod an event is about. */
function fieldPathOf(pod: Pod, name: string): string {
  if (initContainersOf(pod).some((c) => c.name === name)) return `spec.initContainers{${name}}`;
  if (containersOf(pod).some((c) => c.name === name)) return `spec.containers{${name}}`;
  return `spec.ephemeralContainers{${name}}`;
}

export function eventTarget(pod: Pod, containerName?: string): EventTarget {
  const target = { kind: 'Pod', apiVersion: 'v1', object: pod };
  return containerName === undefined ? target : { ...target, fieldPath: fieldPathOf(pod, containerName) };
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/**
 * The container's own restart policy where it has one, else the pod's. An init container that is no
 * sidecar is not restarted after success.
 */
function restartPolicyOf(pod: Pod, container: Container): RestartPolicy {
  const own = container.restartPolicy as RestartPolicy | undefined;
  if (own) return own;
  const policy = (pod.spec.restartPolicy ?? 'Always') as RestartPolicy;
  return policy === 'Always' && isInitOnly(pod, container.name) ? 'OnFailure' : policy;
}

/** What the first of its rules (restartPolicyRules) that is for an exit code wants: Restart, or RestartAllContainers. */
export const actionOn = ({ restartPolicyRules = [] }: Container, exitCode: number) =>
  restartPolicyRules.find(({ exitCodes }) => {
    const isListed = exitCodes?.values?.includes(exitCode) ?? false;
    return exitCodes?.operator === 'NotIn' ? !isListed : isListed;
  })?.action;

/** Whether an ended container is started again. Its exit code may decide. */
export function shouldRestart(pod: Pod, container: Container, exitCode: number): boolean {
  if (ephemeralContainersOf(pod).some((c) => c.name === container.name)) return false;
  if (actionOn(container, exitCode)) return true;
  const policy = restartPolicyOf(pod, container);
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export const defaultGraceSeconds = 30;
export const isHostNetwork = (pod: Pod) => pod.spec.hostNetwork === true;
export const isFinished = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
