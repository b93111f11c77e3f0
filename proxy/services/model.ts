// What the proxy makes of Services and EndpointSlices: for every port of every Service, where it is reached and who answers. Pure.
// https://kubernetes.io/docs/reference/networking/virtual-ips/
import type { Service, ServicePort } from '../../api/core/service.ts';
import type { Endpoint, EndpointSlice } from '../../api/discovery/endpointslice.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Backend {
  address: string;
  port: number;
  isLocal: boolean;
}

/** One port of one Service as it is to be served on this node. */
export interface ServicePortModel {
  /** `namespace/name:port`, unique. */
  id: string;
  protocol: Protocol;
  port: number;
  clusterIp: string;
  /** External IPs and load balancer addresses. */
  externalIps: string[];
  nodePort: number | undefined;
  /** For traffic from within, and from outside; they differ under a Local policy. */
  internal: Backend[];
  external: Backend[];
  /** The source address of traffic from outside is kept. */
  keepsSource: boolean;
  /** Seconds a client stays with its endpoint; undefined without affinity. */
  affinitySeconds: number | undefined;
}

const defaultAffinitySeconds = 10_800;

/** The endpoints of a Service's port: those that are ready, or, when there are none, those that still serve while they end. */
function usableEndpoints(slices: readonly EndpointSlice[], port: ServicePort, nodeName: string): Backend[] {
  const ready: Backend[] = [];
  const ending: Backend[] = [];
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const own = (slice.ports ?? []).find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (!own?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const backend = { address: endpoint.addresses[0] ?? '', port: own.port, isLocal: endpoint.nodeName === nodeName };
      if (backend.address === '') continue;
      if (isReady(endpoint)) ready.push(backend);
      else if (endpoint.conditions?.serving && endpoint.conditions.terminating) ending.push(backend);
    }
  }
  const usable = ready.length > 0 ? ready : ending;
  return usable.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
}

const isReady = (endpoint: Endpoint) => endpoint.conditions?.ready !== false;

/** Every port of a Service; none for headless and ExternalName Services. */
export function modelService(service: Service, slices: readonly EndpointSlice[], nodeName: string): ServicePortModel[] {
  const { metadata, spec, status } = service;
  if (!spec.clusterIP || spec.clusterIP === 'None' || spec.type === 'ExternalName') return [];
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip && i.ipMode !== 'Proxy' ? [i.ip] : []));
  const keepsSource = spec.externalTrafficPolicy === 'Local';
  const affinity = spec.sessionAffinity === 'ClientIP';
  return (spec.ports ?? []).map((port) => {
    const all = usableEndpoints(slices, port, nodeName);
    const local = all.filter((b) => b.isLocal);
    return {
      id: `${metadata.namespace}/${metadata.name}:${port.name || port.port}/${(port.protocol ?? 'TCP').toLowerCase()}`,
      protocol: (port.protocol ?? 'TCP').toLowerCase() as Protocol,
      port: port.port,
      clusterIp: spec.clusterIP!,
      externalIps: [...(spec.externalIPs ?? []), ...ingress],
      nodePort: port.nodePort || undefined,
      internal: spec.internalTrafficPolicy === 'Local' ? local : all,
      external: keepsSource ? local : all,
      keepsSource,
      affinitySeconds: affinity
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
        : undefined,
    };
  });
}
