// Requests and limits as cgroup values. Upstream: cm/helpers_linux.go and kuberuntime_container_linux.go.

import type { Container } from '../../api/core/pod/container.ts';
import { qosClassOf } from '../../api/core/pod/qos.ts';
import { isSidecar, sumContainerResources } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts';
import type { LinuxContainerResources } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { isCritical } from '../eviction/ranking.ts';

const minShares = 2;
const maxShares = 262_144;
const sharesPerCpu = 1024;
export const cpuPeriodUs = 100_000;
const minQuotaUs = 1000;

export function sharesOfMilliCpu(milliCpu: number): number {
  if (milliCpu === 0) return minShares;
  return Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * sharesPerCpu) / 1000)));
}

/** -1 for no limit. */
export function quotaOfMilliCpu(milliCpu: number): number {
  return milliCpu === 0 ? -1 : Math.max(minQuotaUs, Math.floor((milliCpu * cpuPeriodUs) / 1000));
}

/** How soon the kernel ends a container when memory runs out: the less a pod promised, the sooner. */
export function oomScoreAdj(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if (isCritical(pod) && pod.spec.priorityClassName === 'system-node-critical') return -997;
  const qos = qosClassOf(pod.spec);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const asked = ({ resources }: Container) => quantityValue(resources?.requests?.memory);
  // A sidecar outlives the containers that it serves.
  const least = isSidecar(container) ? Math.min(...(pod.spec.containers ?? []).map(asked)) : 0;
  const requested = Math.max(asked(container), least) + sharedMemoryRequest(pod);
  const score = 1000 - Math.trunc((1000 * requested) / nodeMemoryBytes);
  return Math.min(999, Math.max(3, score));
}

/** Each container's part of what a pod asks for as a whole, beyond what its containers ask for. KEP-2837. */
function sharedMemoryRequest({ spec }: Pod): number {
  const whole = quantityValue(spec.resources?.requests?.memory);
  if (whole === 0) return 0;
  const rest = whole - quantityValue(sumContainerResources(spec, 'requests').memory);
  return Math.trunc(rest / ((spec.containers ?? []).length + (spec.initContainers ?? []).length));
}

/** What of the node decides how a container is limited. */
export interface NodeResources {
  memoryBytes: number;
  /** Bytes of huge pages, by their size. */
  hugePages: Readonly<Record<string, number>>;
  /** Files of control groups, version 2, that every container has the same in. */
  containerFiles: Readonly<Record<string, string>>;
}

export function containerResources(pod: Pod, container: Container, node: NodeResources): Init<LinuxContainerResources> {
  const { requests, limits } = container.resources ?? {};
  // Who has no limit of its own has the pod's.
  const ofPod = pod.spec.resources?.limits;
  const cpuLimit = quantityMilliValue(limits?.cpu) || quantityMilliValue(ofPod?.cpu);
  const cpuRequest = requests?.cpu === undefined ? cpuLimit : quantityMilliValue(requests.cpu);
  const memoryLimit = quantityValue(limits?.memory) || quantityValue(ofPod?.memory);
  // None of the sizes that it does not name.
  const noHugePages = Object.fromEntries(Object.keys(node.hugePages).map((size) => [`hugepages-${size}`, '0']));
  return {
    cpu_shares: String(sharesOfMilliCpu(cpuRequest)),
    cpu_period: String(cpuPeriodUs),
    // Left out where there is no limit: a new group has none, and not every OCI runtime takes -1.
    ...(cpuLimit > 0 ? { cpu_quota: String(quotaOfMilliCpu(cpuLimit)) } : {}),
    oom_score_adj: String(oomScoreAdj(pod, container, node.memoryBytes)),
    // Swap is not for pods: memory and swap together are the memory limit.
    ...(memoryLimit > 0
      ? { memory_limit_in_bytes: String(memoryLimit), memory_swap_limit_in_bytes: String(memoryLimit) }
      : {}),
    unified: { ...node.containerFiles },
    hugepage_limits: Object.entries({ ...noHugePages, ...limits })
      .filter(([name]) => name.startsWith('hugepages-'))
      .map(([name, amount]) => ({ page_size: pageSizeOf(name), limit: String(quantityValue(amount)) })),
  };
}

/** `hugepages-2Mi` is 2MB to the kernel. */
const pageSizeOf = (resource: string) => resource.slice('hugepages-'.length).replace(/i$/, 'B');
