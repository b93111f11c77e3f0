// The pods behind a service, and what of them its endpoints need. Shared by the two endpoint controllers.
// Upstream: pkg/controller/util/endpoint and staging/endpointslice/util.

import type { ObjectReference } from '../../api/core/object-reference.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Service, ServicePort } from '../../api/core/service.ts';
import { ipFamilyOf } from '../../api/meta/addresses.ts';
import type { Lister } from '../../client/store.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { isReady, podConditionOf } from '../pods/pod-state.ts';

export const headlessLabel = 'service.kubernetes.io/headless';
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

export type IPFamily = 'IPv4' | 'IPv6';

/** Whether the controllers look after the service's endpoints; without a selector its author does. */
export function hasManagedEndpoints({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && spec.selector !== undefined;
}

/** Whether the endpoint controllers must hear of the change of a pod. */
function concernsEndpoints(pod: Pod | undefined, old: Pod | undefined): boolean {
  if (!pod || !old) return true;
  const view = ({ metadata, spec, status }: Pod) => [
    metadata.labels,
    metadata.deletionTimestamp !== undefined,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
    status?.podIPs,
    status?.phase,
    podConditionOf({ metadata, spec, status } as Pod, 'Ready'),
  ];
  return !jsonEqual(view(pod), view(old));
}

function selects(service: Service, labels: Record<string, string> | undefined): boolean {
  const selector = Object.entries(service.spec.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => labels?.[key] === value);
}

/** Keys of the services that a pod's change concerns. */
export function servicesOfPod(services: Lister<Service>, pod: Pod | undefined, old: Pod | undefined): string[] {
  if (!concernsEndpoints(pod, old)) return [];
  const { namespace = '' } = (pod ?? old)!.metadata;
  return services
    .inNamespace(namespace)
    .filter((s) => selects(s, pod?.metadata.labels) || selects(s, old?.metadata.labels))
    .map(keyOf);
}

/** Pods that the service selects and that may have an endpoint: they have an address and have not ended. */
export function podsOfService(pods: Lister<Pod>, service: Service): Pod[] {
  return pods
    .inNamespace(service.metadata.namespace ?? '')
    .filter((pod) => selects(service, pod.metadata.labels) && !isFinished(pod) && addressOf(pod) !== undefined);
}

/** The pod's address, of a family or its first. */
export function addressOf(pod: Pod, family?: IPFamily): string | undefined {
  const addresses = (pod.status?.podIPs ?? []).map((entry) => entry.ip);
  if (!family) return addresses[0] ?? pod.status?.podIP;
  return addresses.find((ip) => ipFamilyOf(ip) === (family === 'IPv6' ? 6 : 4));
}

/** The number of a service's port in a pod; undefined when the pod has no port of that name. */
export function portNumberIn(pod: Pod, { targetPort, port, protocol = 'TCP' }: ServicePort): number | undefined {
  if (targetPort === undefined) return port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar);
  const ports = [...(pod.spec.containers ?? []), ...sidecars].flatMap((c) => c.ports ?? []);
  return ports.find((p) => p.name === targetPort && (p.protocol ?? 'TCP') === protocol)?.containerPort;
}

/** The name that DNS gives the endpoint, when the pod asked for one under this service. */
export function hostnameIn(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec;
  return hostname && subdomain === service.metadata.name ? hostname : undefined;
}

export function podReference({ metadata }: Pod): ObjectReference {
  const { namespace = '', name = '', uid = '' } = metadata;
  return { kind: 'Pod', namespace, name, uid };
}

export const isHeadless = ({ spec }: Service) => spec.clusterIP === 'None';

/**
 * Remembers when what endpoints derive from last changed, so that their latency can be measured.
 * Upstream: TriggerTimeTracker.
 */
export class TriggerTimes {
  readonly #seen = new Map<string, Map<string, string>>();

  /** The earliest change since the last call, or undefined when nothing changed. */
  next(service: Service, pods: readonly Pod[]): string | undefined {
    const key = keyOf(service);
    const before = this.#seen.get(key);
    const now = new Map<string, string>();
    if (service.metadata.creationTimestamp) now.set('', service.metadata.creationTimestamp);
    for (const pod of pods) {
      const time = podConditionOf(pod, 'Ready')?.lastTransitionTime;
      if (time) now.set(pod.metadata.uid ?? '', time);
    }
    this.#seen.set(key, now);
    const changes = [...now].filter(([uid, time]) => time > (before?.get(uid) ?? '')).map(([, time]) => time);
    return changes.sort()[0];
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}

/** Conditions of a pod's endpoint. */
export function endpointConditions(pod: Pod, service: Service) {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  return { ready, serving, terminating };
}
