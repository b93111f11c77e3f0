// NodeResourcesFit: what a pod asks for must be free, and nodes with more left over are preferred (LeastAllocated).
import type { NodeInfo } from '../framework/node-info.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { success, unresolvable, unschedulable } from '../framework/status.ts';

const tooManyPodsReason = 'Too many pods';
const insufficientReason = (resource: string) => `Insufficient ${resource}`;

interface Shortage {
  reason: string;
  /** More than the whole node has: no pod's removal would help. */
  hopeless: boolean;
}

/** Whether nothing is lacking: asked of each node, where `findShortages` is asked of few. */
function fits({ requests }: PodInfo, node: NodeInfo): boolean {
  const { requested, allocatable } = node;
  const { cpuMillis, memoryBytes, ephemeralStorageBytes, scalars } = requests;
  if (node.pods.size >= node.allowedPods) return false;
  if (cpuMillis > 0 && cpuMillis > allocatable.cpuMillis - requested.cpuMillis) return false;
  if (memoryBytes > 0 && memoryBytes > allocatable.memoryBytes - requested.memoryBytes) return false;
  if (
    ephemeralStorageBytes > 0 &&
    ephemeralStorageBytes > allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes
  )
    return false;
  if (scalars.size === 0) return true;
  return [...scalars].every(
    ([name, wanted]) =>
      wanted <= 0 || wanted <= (allocatable.scalars.get(name) ?? 0) - (requested.scalars.get(name) ?? 0),
  );
}

/** What the node lacks for the pod. */
function findShortages(pod: PodInfo, node: NodeInfo): Shortage[] {
  const out: Shortage[] = [];
  if (node.pods.size + 1 > node.allowedPods) out.push({ reason: tooManyPodsReason, hopeless: false });
  const check = (resource: string, wanted: number, used: number, total: number) => {
    if (wanted > 0 && wanted > total - used)
      out.push({ reason: insufficientReason(resource), hopeless: wanted > total });
  };
  const { requests } = pod;
  const { requested, allocatable } = node;
  check('cpu', requests.cpuMillis, requested.cpuMillis, allocatable.cpuMillis);
  check('memory', requests.memoryBytes, requested.memoryBytes, allocatable.memoryBytes);
  check(
    'ephemeral-storage',
    requests.ephemeralStorageBytes,
    requested.ephemeralStorageBytes,
    allocatable.ephemeralStorageBytes,
  );
  for (const [name, wanted] of requests.scalars) {
    check(name, wanted, requested.scalars.get(name) ?? 0, allocatable.scalars.get(name) ?? 0);
  }
  return out;
}

const free = (total: number, used: number) =>
  total === 0 || used > total ? 0 : Math.floor(((total - used) * maxScore) / total);

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  mayHelp: (event, waiting) =>
    event.type === 'PodRemoved' ||
    ((event.type === 'NodeAdded' || event.type === 'NodeUpdated') && fits(waiting, event.node)),
  filter(_state, pod, node) {
    if (fits(pod, node)) return success;
    const shortages = findShortages(pod, node);
    const reasons = shortages.map((s) => s.reason);
    return shortages.some((s) => s.hopeless) ? unresolvable(...reasons) : unschedulable(...reasons);
  },
  score(_state, pod, { allocatable, scoreRequested }) {
    const cpu = free(allocatable.cpuMillis, scoreRequested.cpuMillis + pod.scoreRequests.cpuMillis);
    const memory = free(allocatable.memoryBytes, scoreRequested.memoryBytes + pod.scoreRequests.memoryBytes);
    return Math.floor((cpu + memory) / 2);
  },
};
