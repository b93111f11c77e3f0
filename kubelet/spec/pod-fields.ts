// Facts about a pod and its containers that variables and files may take: fieldRef and resourceFieldRef.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/

import type { Container } from '../../api/core/pod/container.ts';
import type { ResourceFieldSelector } from '../../api/core/pod/env.ts';
import { isPodLevelResource } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { goQuote } from '../../machinery/go-quote.ts';
import { compareQuantities, isZeroQuantity, parseQuantity } from '../../machinery/quantity.ts';

/** Addresses are known only once the sandbox stands, and may not have reached the API server yet. */
export interface PodAddresses {
  podIps: readonly string[];
  hostIps: readonly string[];
}

/** `key="value"` lines with Go's quoting, sorted. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${goQuote(map![key]!)}`)
    .join('\n');
}

const fields: Readonly<Record<string, (pod: Pod, addresses: PodAddresses) => string | undefined>> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
  'metadata.uid': ({ metadata }) => metadata.uid,
  'metadata.labels': ({ metadata }) => formatMap(metadata.labels),
  'metadata.annotations': ({ metadata }) => formatMap(metadata.annotations),
  'spec.nodeName': ({ spec }) => spec.nodeName,
  'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName,
  'status.hostIP': (_, { hostIps }) => hostIps[0],
  'status.hostIPs': (_, { hostIps }) => hostIps.join(','),
  'status.podIP': (_, { podIps }) => podIps[0],
  'status.podIPs': (_, { podIps }) => podIps.join(','),
};

/** The value of a field path. Throws for a path that is not supported. */
export function podField(pod: Pod, path: string, addresses: PodAddresses): string {
  const { labels, annotations } = pod.metadata;
  const [, map, key] = /^(metadata\.(?:labels|annotations))\['(.+)'\]$/.exec(path) ?? [];
  if (map && key) return (map === 'metadata.labels' ? labels : annotations)?.[key] ?? '';
  if (!Object.hasOwn(fields, path)) throw new Error(`unsupported fieldPath: ${path}`);
  return fields[path]!(pod, addresses) ?? '';
}

/**
 * The value of a resource of a container, in units of the divisor, rounded up. A limit that is not
 * set is the pod's own, or what the node has.
 */
export function resourceField(
  { spec }: Pod,
  container: Container,
  { selector, allocatable }: { selector: ResourceFieldSelector; allocatable: Readonly<Record<string, string>> },
): string {
  const [, side, name = ''] = /^(limits|requests)(?:\.(.*))?$/s.exec(selector.resource) ?? [];
  if (!side) throw new Error(`unsupported container resource : ${selector.resource}`);
  const { limits, requests } = container.resources ?? {};
  const given = [limits?.[name], isPodLevelResource(name) ? spec.resources?.limits?.[name] : undefined];
  const bounded = given.find((amount) => amount !== undefined && !isZeroQuantity(amount)) ?? allocatable[name];
  const amount = side === 'limits' ? bounded : (requests?.[name] ?? '0');
  const nanos = parseQuantity(amount ?? '0')!.nanos;
  const isCpu = name === 'cpu';
  const divisor =
    selector.divisor && compareQuantities(selector.divisor, '0') > 0
      ? parseQuantity(selector.divisor)!.nanos
      : 1_000_000_000n;
  // CPU is exact to a thousandth, everything else to one.
  const unit = isCpu ? 1_000_000n : 1_000_000_000n;
  const rounded = ((nanos + unit - 1n) / unit) * unit;
  return String((rounded + divisor - 1n) / divisor);
}
