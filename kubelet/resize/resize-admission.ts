// Whether the node can give a running pod what it asks for now: at once, later, or never. Pure. Upstream:
// pkg/kubelet/allocation/allocation_manager.go, handlers.go.

import type { Node } from '../../api/core/node.ts';
import { qosClassOf } from '../../api/core/pod/qos.ts';
import { inUnits, podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { compareQuantities } from '../../machinery/quantity.ts';
import { judgeResources } from '../pods/admission.ts';

export interface ResizeRefusal {
  reason: 'Deferred' | 'Infeasible';
  message: string;
  /** What the event says for the reason: `OutOfcpu`. */
  said?: string;
}

/** A pod as its spec has it, and as it is. */
export interface PendingResize {
  desired: Pod;
  allocated: Pod;
  /** Since when it waits, as a timestamp; undefined where it has not waited. */
  since: string | undefined;
}

/** Why the pod cannot have it now, or undefined. `others` are the other pods of the node as they are. */
export function judgeResize(desired: Pod, node: Node, others: readonly Pod[]): ResizeRefusal | undefined {
  const requests = podRequests(desired.spec);
  for (const name of ['memory', 'cpu']) {
    const [requested, capacity] = [inUnits(name, requests[name]), inUnits(name, node.status?.capacity?.[name])];
    if (requested <= capacity) continue;
    const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`;
    return { reason: 'Infeasible', message };
  }
  const lack = judgeResources(desired, node, others);
  return lack && { reason: 'Deferred', message: lack.message, said: lack.reason };
}

/**
 * In which order those that wait are looked at: what asks for less or the same first, then by priority, then
 * guaranteed before burstable, then the longest waiting.
 */
export function byTurn(a: PendingResize, b: PendingResize): number {
  const guaranteed = (p: PendingResize) => Number(qosClassOf(p.desired.spec) === 'Guaranteed');
  const priority = (p: PendingResize) => p.desired.spec.priority ?? 0;
  const since = (p: PendingResize) => (p.since === undefined ? Number.POSITIVE_INFINITY : Date.parse(p.since));
  return (
    Number(isGrowing(a)) - Number(isGrowing(b)) ||
    priority(b) - priority(a) ||
    guaranteed(b) - guaranteed(a) ||
    (since(a) === since(b) ? 0 : since(a) - since(b))
  );
}

function isGrowing({ desired, allocated }: PendingResize): boolean {
  const [next, now] = [podRequests(desired.spec), podRequests(allocated.spec)];
  return ['cpu', 'memory'].some((name) => compareQuantities(next[name], now[name]) > 0);
}
