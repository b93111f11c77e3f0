// Which running containers do not have in their control groups what the pod has been given, and how each comes to it:
// in place, or by a restart where its resizePolicy says so. What a container has is what the runtime says. Pure.
// Upstream: computePodResizeAction in kuberuntime_manager.go.
import type { Container } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import { quantityValue } from '../../machinery/quantity.ts';
import type { ContainerStatus, LinuxContainerResources } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { isRunning, latestContainer, type RuntimeState, runtimeAnnotations } from '../pods/runtime-state.ts';
import { containerResources, type NodeResources } from '../spec/resources.ts';
import { resizableContainersOf } from './allocation.ts';

/** What a control group limits. */
export interface Amounts {
  cpuShares: number;
  /** Microseconds a period of 100 ms; undefined for no limit. */
  cpuQuotaUs: number | undefined;
  /** Undefined for no limit. */
  memoryBytes: number | undefined;
}

export interface ContainerResize {
  id: string;
  name: string;
  resources: Init<LinuxContainerResources>;
  from: Amounts;
  to: Amounts;
  needsRestart: boolean;
}

const limit = (text: string | undefined) => (Number(text ?? 0) > 0 ? Number(text) : undefined);

function amountsOf(resources: Init<LinuxContainerResources>): Amounts {
  return {
    cpuShares: Number(resources.cpu_shares ?? 0),
    cpuQuotaUs: limit(resources.cpu_quota),
    memoryBytes: limit(resources.memory_limit_in_bytes),
  };
}

/** What the runtime gives a container; undefined where it does not say. */
export function actualAmounts({ resources }: ContainerStatus): Amounts | undefined {
  return resources?.linux ? amountsOf(resources.linux) : undefined;
}

/** The running containers that have other amounts than the pod, as it was given them, names. */
export function planResize(pod: Pod, state: RuntimeState, node: NodeResources): ContainerResize[] {
  return resizableContainersOf(pod).flatMap((container) => {
    const latest = latestContainer(state, container.name);
    const from = latest && isRunning(latest) ? actualAmounts(latest) : undefined;
    if (!latest || !from) return [];
    const resources = containerResources(pod, container, node);
    const to = amountsOf(resources);
    const cpu = from.cpuShares !== to.cpuShares || from.cpuQuotaUs !== to.cpuQuotaUs;
    const memory = from.memoryBytes !== to.memoryBytes;
    const needsRestart =
      (cpu && restartsFor(container, 'cpu')) ||
      ((memory || memoryRequestChanged(container, latest)) && restartsFor(container, 'memory'));
    return cpu || memory || needsRestart
      ? [{ id: latest.id, name: container.name, resources, from, to, needsRestart }]
      : [];
  });
}

const restartsFor = ({ resizePolicy }: Container, resource: string) =>
  resizePolicy?.some((p) => p.resourceName === resource && p.restartPolicy === 'RestartContainer') ?? false;

/** No control group holds what is asked of memory: the container was made with it on record. */
function memoryRequestChanged({ resources }: Container, { annotations }: ContainerStatus): boolean {
  const noted = annotations[runtimeAnnotations.memoryRequest];
  return noted !== undefined && Number(noted) !== quantityValue(resources?.requests?.memory);
}
