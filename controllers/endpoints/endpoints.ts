// Writes the Endpoints object of each service with a selector. Upstream: pkg/controller/endpoint.

import { SubsetPacker } from '../../api/core/endpoints/subsets.ts';
import { type EndpointAddress, type EndpointPort, type Endpoints, EndpointsKind } from '../../api/core/endpoints.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type Service, ServiceKind } from '../../api/core/service.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { deleteSeen } from '../../client/delete-seen.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { unlessInVain } from '../pods/pod-control.ts';
import { isReady } from '../pods/pod-state.ts';
import {
  addressOf,
  hasManagedEndpoints,
  headlessLabel,
  hostnameIn,
  isHeadless,
  podReference,
  podsOfService,
  portNumberIn,
  servicesOfPod,
  TriggerTimes,
  triggerTimeAnnotation,
} from './service-pods.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const maxAddresses = 1000;

/** Addresses grouped by the ports they share. Pure. */
export function computeSubsets(service: Service, pods: readonly Pod[]): NonNullable<Endpoints['subsets']> {
  const byPort = new SubsetPacker();
  const publishAll = service.spec.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp && !publishAll) continue;
    const ip = addressOf(pod, service.spec.ipFamilies?.[0] as 'IPv4' | 'IPv6' | undefined);
    if (ip === undefined) continue;
    const hostname = hostnameIn(pod, service);
    const address: EndpointAddress = {
      ip,
      ...(hostname ? { hostname } : {}),
      ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
      targetRef: podReference(pod),
    };
    for (const port of portsOf(service, pod)) byPort.add(port, address, publishAll || isReady(pod));
  }
  return byPort.subsets();
}

/** A pod's ports for the service; one undefined for a headless service without ports. */
function portsOf(service: Service, pod: Pod): (EndpointPort | undefined)[] {
  const ports = service.spec.ports ?? [];
  if (ports.length === 0) return isHeadless(service) ? [undefined] : [];
  return ports.flatMap((servicePort) => {
    const port = portNumberIn(pod, servicePort);
    if (port === undefined) return [];
    const { name, protocol = 'TCP', appProtocol } = servicePort;
    return [{ ...(name ? { name } : {}), port, protocol, ...(appProtocol ? { appProtocol } : {}) }];
  });
}

/**
 * Cuts what is beyond a thousand addresses; ready ones stay first. Returns what stays, as the
 * server stores it: without empty lists.
 */
function truncate(all: NonNullable<Endpoints['subsets']>): {
  subsets: NonNullable<Endpoints['subsets']>;
  isCut: boolean;
} {
  const subsets = all.map((subset) => ({ ...subset }));
  let room = maxAddresses;
  let isCut = false;
  for (const field of ['addresses', 'notReadyAddresses'] as const) {
    for (const subset of subsets) {
      const present = subset[field] ?? [];
      if (present.length > room) {
        isCut = true;
        if (room > 0) subset[field] = present.slice(0, room);
        else delete subset[field];
      }
      room -= subset[field]?.length ?? 0;
    }
  }
  return { subsets: subsets.filter((s) => s.addresses ?? s.notReadyAddresses), isCut };
}

/** The Endpoints to write, or undefined when the present ones say the same. Pure. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  { present, triggerTime }: { present: Endpoints | undefined; triggerTime: string | undefined },
): Endpoints | undefined {
  const { subsets, isCut } = truncate(computeSubsets(service, pods));
  const { [headlessLabel]: _reserved, ...own } = service.metadata.labels ?? {};
  const labels = {
    ...own,
    [managedByLabel]: 'endpoint-controller',
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
  };
  const {
    [triggerTimeAnnotation]: _time,
    [overCapacityAnnotation]: before,
    ...others
  } = present?.metadata.annotations ?? {};
  const isSame =
    present &&
    jsonEqual(present.subsets ?? [], subsets) &&
    jsonEqual(present.metadata.labels, labels) &&
    (before !== undefined) === isCut;
  if (isSame) return undefined;
  const annotations = {
    ...others,
    ...(triggerTime ? { [triggerTimeAnnotation]: triggerTime } : {}),
    ...(isCut ? { [overCapacityAnnotation]: 'truncated' } : {}),
  };
  const { name = '', namespace = '' } = service.metadata;
  const { annotations: _old, ...metadata } = present?.metadata ?? { name, namespace };
  const isAnnotated = Object.keys(annotations).length > 0;
  return { metadata: { ...metadata, labels, ...(isAnnotated ? { annotations } : {}) }, subsets };
}

function createDeps(context: ControllerContext) {
  return {
    services: context.informer(ServiceKind).lister,
    pods: context.informer(PodKind).lister,
    present: context.informer(EndpointsKind).lister,
    client: context.resource(EndpointsKind),
    times: new TriggerTimes(),
  };
}

export const endpointsController = defineController({
  name: 'endpoints-controller',
  kind: ServiceKind,
  related: [
    { kind: PodKind, keys: (pod, old, deps) => servicesOfPod(deps.services, pod, old) },
    // Somebody else's change is put right again.
    { kind: EndpointsKind, keys: (endpoints, old) => [keyOf(endpoints ?? old)] },
  ],
  concurrency: 5,
  deps: createDeps,
  async reconcile(service, { pods, present: cached, client, times }) {
    if (service.metadata.deletionTimestamp || !hasManagedEndpoints(service)) return undefined;
    const selected = podsOfService(pods, service);
    const present = cached.get(keyOf(service));
    const triggerTime = times.next(service, selected);
    const wanted = planEndpoints(service, selected, { present, triggerTime });
    if (wanted) await unlessInVain(present ? client.update(wanted) : client.create(wanted));
  },
  async forget(key, { client, present, times }) {
    times.forget(key);
    const endpoints = present.get(key);
    // Endpoints that somebody else wrote without a service are theirs.
    if (endpoints?.metadata.labels?.[managedByLabel] === undefined) return;
    await deleteSeen(client, endpoints);
  },
});
