// A container as the runtime's ContainerConfig. Upstream: kuberuntime_container.go.

import type { Container } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import { quantityValue } from '../../machinery/quantity.ts';
import type { ContainerConfig, Device, Mount, Signal, UserNamespace } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { hashContainer } from '../pods/container-hash.ts';
import { defaultGraceSeconds, uidOf } from '../pods/pod-text.ts';
import { runtimeAnnotations, runtimeLabels } from '../pods/runtime-state.ts';
import { expandAll } from './expansion.ts';
import { containerResources, type NodeResources } from './resources.ts';
import { containerSecurity } from './security.ts';

export interface ContainerInputs {
  environment: ReadonlyMap<string, string>;
  mounts: Init<Mount>[];
  devices: Init<Device>[];
  restartCount: number;
  /** The image as found on the node. */
  imageRef: string;
  seccompDir: string;
  /** The running container that an ephemeral one looks into. */
  targetId?: string | undefined;
  userNamespace: Init<UserNamespace>;
  node: NodeResources;
}

export function buildContainerConfig(pod: Pod, container: Container, inputs: ContainerInputs): Init<ContainerConfig> {
  const { environment, restartCount } = inputs;
  // Files of volumes have the same owners inside as on the node.
  const { uids = [], gids = [] } = inputs.userNamespace;
  const wordsOf = (words: readonly string[] = []) => expandAll(words, (name) => environment.get(name));
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: inputs.imageRef, user_specified_image: container.image ?? '' },
    command: wordsOf(container.command),
    args: wordsOf(container.args),
    working_dir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: inputs.mounts.map((mount) => ({ ...mount, uidMappings: uids, gidMappings: gids })),
    devices: inputs.devices,
    labels: labelsOf(pod, container),
    annotations: annotationsOf(pod, container, restartCount),
    log_path: logPathOf(container.name, restartCount),
    stdin: container.stdin ?? false,
    stdin_once: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: containerResources(pod, container, inputs.node),
      security_context: containerSecurity(pod, container, inputs),
    },
    ...(container.lifecycle?.stopSignal ? { stop_signal: signalOf(container.lifecycle.stopSignal) } : {}),
  };
}

/** Below the pod's log folder. */
/** Below the folder of the pod's logs. */
export const logPathOf = (name: string, restartCount: number) => `${name}/${restartCount}.log`;

const labelsOf = (pod: Pod, container: Container) => ({
  [runtimeLabels.containerName]: container.name,
  [runtimeLabels.podName]: pod.metadata.name ?? '',
  [runtimeLabels.podNamespace]: pod.metadata.namespace ?? '',
  [runtimeLabels.podUid]: uidOf(pod),
});

const annotationsOf = (pod: Pod, container: Container, restartCount: number) => ({
  [runtimeAnnotations.hash]: hashContainer(container),
  [runtimeAnnotations.restartCount]: String(restartCount),
  [runtimeAnnotations.terminationMessagePath]: container.terminationMessagePath ?? '',
  [runtimeAnnotations.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
  [runtimeAnnotations.memoryRequest]: String(quantityValue(container.resources?.requests?.memory)),
  [runtimeAnnotations.podGracePeriod]: String(pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds),
});

// The interface spells SIGRTMIN+1 as SIGRTMINPLUS1.
const signalOf = (name: string) => name.replace('+', 'PLUS').replace('-', 'MINUS') as Signal;
