// Quality of service: how much a pod has promised about its resources. It decides cgroups, OOM
// scores and eviction order.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
import { addQuantities, compareQuantities, isZeroQuantity } from '../../../machinery/quantity.ts';
import type { PodSpec } from './pod-spec.ts';
import type { ResourceList } from './resource-totals.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const qosResources = ['cpu', 'memory'] as const;

/** Guaranteed: every container limits cpu and memory and asks for just that. BestEffort: none asks for anything. */
export function qosClassOf(spec: PodSpec): QosClass {
  const parts = spec.resources
    ? [{ resources: spec.resources }]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const requests: ResourceList = {};
  const limits: ResourceList = {};
  let allLimited = true;
  for (const { resources } of parts) {
    for (const name of qosResources) {
      addPositive(requests, name, resources?.requests?.[name]);
      if (!addPositive(limits, name, resources?.limits?.[name])) allLimited = false;
    }
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort';
  const exact = qosResources.every((name) => name in requests && compareQuantities(requests[name], limits[name]) === 0);
  return allLimited && exact ? 'Guaranteed' : 'Burstable';
}

function addPositive(total: ResourceList, name: string, amount: string | undefined): boolean {
  if (amount === undefined || isZeroQuantity(amount)) return false;
  total[name] = addQuantities(total[name], amount);
  return true;
}
