// Whose pod goes first when the node is short of something, and what it is told. Pure. Upstream: rankMemoryPressure and
// its like, and evictionMessage, in eviction/helpers.go.
import { podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { canonicalQuantity, quantityValue } from '../../machinery/quantity.ts';
import { containersOf, initContainersOf } from '../pods/pod-text.ts';
import { isMirrorPod } from '../static/mirror-pods.ts';
import { isStaticPod } from '../static/static-pod-file.ts';
import {
  amountIn,
  type Observations,
  type StarvedResource,
  showAmount,
  signals,
  type Threshold,
} from './thresholds.ts';

export interface ContainerUse {
  name: string;
  memory: number;
  /** Its writable layer and its logs; undefined where that was not measured. */
  'ephemeral-storage'?: number;
}

/** What a pod takes up: bytes, and counts. */
export interface PodUse {
  memory: number;
  pids: number;
  'ephemeral-storage'?: number;
  inodes?: number;
  containers: readonly ContainerUse[];
}

const criticalPriority = 2_000_000_000;

/** Pods that keep the node and the cluster running. */
export const isCritical = (pod: Pod) =>
  isStaticPod(pod) || isMirrorPod(pod) || (pod.spec.priority ?? 0) >= criticalPriority;

/** Those to go first come first. What nothing is known of goes before all others. */
export function rankPods<T extends { pod: Pod; use: PodUse | undefined }>(
  pods: readonly T[],
  resource: StarvedResource,
): T[] {
  const excess = ({ pod, use }: T) => (use?.[resource] ?? 0) - requestOf(pod, resource);
  const exceeds = (one: T) => Number(resource !== 'pids' && excess(one) > 0);
  const priority = ({ pod }: T) => pod.spec.priority ?? 0;
  return pods.toSorted(
    (a, b) =>
      Number(b.use === undefined) - Number(a.use === undefined) ||
      exceeds(b) - exceeds(a) ||
      priority(a) - priority(b) ||
      excess(b) - excess(a),
  );
}

const requestOf = (pod: Pod, resource: StarvedResource) =>
  resource === 'memory' || resource === 'ephemeral-storage' ? quantityValue(podRequests(pod.spec)[resource]) : 0;

/** `The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container c was using ...` */
export function evictionMessage(
  pod: Pod,
  use: PodUse | undefined,
  { resource, due, found }: { resource: StarvedResource; due: readonly Threshold[]; found: Observations },
): string {
  let message = `The node was low on resource: ${resource}. `;
  const threshold = due.find(({ signal }) => signals[signal].resource === resource);
  const seen = threshold && found[threshold.signal];
  if (threshold && seen) {
    const quantity = showAmount(resource, amountIn(threshold.value, seen.capacity));
    message += `Threshold quantity: ${quantity}, available: ${showAmount(resource, seen.available)}. `;
  }
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return message;
  for (const used of use?.containers ?? []) {
    const container = [...containersOf(pod), ...initContainersOf(pod)].find(({ name }) => name === used.name);
    const request = container?.resources?.requests?.[resource] ?? '0';
    const amount = used[resource];
    if (!container || amount === undefined || amount <= quantityValue(request)) continue;
    const [was, asked] = [showAmount(resource, amount), canonicalQuantity(request) ?? request];
    message += `Container ${used.name} was using ${was}, request is ${asked}, has larger consumption of ${resource}. `;
  }
  return message;
}
