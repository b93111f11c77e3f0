// What the proxy makes of Services and EndpointSlices: for every port of every Service, where it is reached and who
// answers. Pure. Upstream counterpart: the service and endpoint change trackers of kube-proxy.
// https://kubernetes.io/docs/reference/networking/virtual-ips/
import { isIPv4 } from 'node:net';
import type { Service, ServicePort } from '../../api/core/service.ts';
import type { Endpoint, EndpointSlice } from '../../api/discovery/endpointslice.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';

/** A Service or a slice with one of these, whatever its value, is for somebody else to handle. */
const labelsOfOthers = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'];

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Backend {
  address: string;
  port: number;
}

/** One port of one Service as it is to be served on this node. */
export interface ServicePortModel {
  /** `namespace/name:port/protocol`, unique. */
  id: string;
  protocol: Protocol;
  port: number;
  clusterIp: string;
  externalIps: string[];
  /** Addresses of the load balancer, and who may use them: an empty list means everybody. */
  balancerIps: string[];
  sourceRanges: string[];
  nodePort: number | undefined;
  /** The endpoints of the whole cluster, or those of them that hints give to this node or its zone. */
  all: Backend[];
  /** These and those that get no new clients but still serve the ones they have, while they end. */
  serving: Backend[];
  /** For traffic to the cluster IP, and from outside; they differ from `all` under a Local policy. */
  internal: Backend[];
  external: Backend[];
  /** Traffic from outside stays on this node, under its own source address. */
  keepsSource: boolean;
  /** Seconds a client stays with its endpoint; undefined without affinity. */
  affinitySeconds: number | undefined;
}

const defaultAffinitySeconds = 10_800;

interface Candidate extends Backend {
  isLocal: boolean;
  isReady: boolean;
  nodes: readonly string[];
  zones: readonly string[];
}

const isForOthers = ({ metadata }: Service | EndpointSlice) =>
  labelsOfOthers.some((label) => label in (metadata.labels ?? {}));
const isReady = (endpoint: Endpoint) => endpoint.conditions?.ready !== false;
const namesOf = (list: readonly { name: string }[]) => list.map(({ name }) => name);
const isEnding = ({ conditions }: Endpoint) => conditions?.serving === true && conditions.terminating === true;

// One word that nft does not understand would keep every other service's rules out as well.
function isIPv4Range(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/');
  return isIPv4(address) && /^\d{1,2}$/.test(bits) && Number(bits) <= 32 && more.length === 0;
}

/** The endpoints of a Service's port that take traffic, or could when no other does; each once, in order. */
function findCandidates(slices: readonly EndpointSlice[], port: ServicePort, nodeName: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4' || isForOthers(slice)) continue;
    const own = (slice.ports ?? []).find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (!own?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const address = endpoint.addresses[0];
      if (!address || !isIPv4(address) || !(isReady(endpoint) || isEnding(endpoint))) continue;
      const key = `${address}:${own.port}`;
      // The same endpoint is in two slices for a moment when the controller moves it.
      if (found.get(key)?.isReady) continue;
      const isLocal = endpoint.nodeName === nodeName;
      const [nodes, zones] = [endpoint.hints?.forNodes ?? [], endpoint.hints?.forZones ?? []].map(namesOf);
      found.set(key, { address, port: own.port, isLocal, isReady: isReady(endpoint), nodes: nodes!, zones: zones! });
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate);
}

const toBackend = ({ address, port }: Candidate): Backend => ({ address, port });

/** Those that are ready, or, when there are none, those that still serve while they end. */
function pickUsable(candidates: readonly Candidate[]): Backend[] {
  const ready = candidates.filter((c) => c.isReady);
  return (ready.length > 0 ? ready : candidates).map(toBackend);
}

/**
 * Those that hints give to this node, or else to its zone. Hints count when each that is ready has one, and one of them is
 * for us; otherwise nothing is kept from us. https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-distribution
 */
function pickByHints(candidates: readonly Candidate[], { nodeName, zone }: Place): readonly Candidate[] {
  const ready = candidates.filter((c) => c.isReady);
  for (const [hints, own] of [
    ['nodes', nodeName],
    ['zones', zone],
  ] as const) {
    const hinted = ready.filter((c) => c[hints].includes(own));
    if (hinted.length > 0 && ready.every((c) => c[hints].length > 0)) return hinted;
  }
  return candidates;
}

/** Where the proxy runs. */
export interface Place {
  nodeName: string;
  /** Empty without one. */
  zone: string;
}

/** Every port of a Service; none for headless and ExternalName Services, and those that another proxy serves. */
export function modelService(service: Service, slices: readonly EndpointSlice[], place: Place): ServicePortModel[] {
  const { metadata, spec, status } = service;
  const clusterIp = spec.clusterIP ?? '';
  if (!isIPv4(clusterIp) || spec.type === 'ExternalName') return [];
  if (isForOthers(service)) return [];
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip && i.ipMode !== 'Proxy' ? [i.ip] : []));
  const keepsSource = spec.externalTrafficPolicy === 'Local';
  return (spec.ports ?? []).map((port) => {
    const candidates = findCandidates(slices, port, place.nodeName);
    const all = pickUsable(pickByHints(candidates, place));
    const local = pickUsable(candidates.filter((c) => c.isLocal));
    const protocol = (port.protocol ?? 'TCP').toLowerCase() as Protocol;
    return {
      id: `${metadata.namespace}/${metadata.name}:${port.name || port.port}/${protocol}`,
      protocol,
      port: port.port,
      clusterIp,
      externalIps: (spec.externalIPs ?? []).filter((ip) => isIPv4(ip)),
      balancerIps: ingress.filter((ip) => isIPv4(ip)),
      sourceRanges: (spec.loadBalancerSourceRanges ?? []).map((r) => r.trim()).filter(isIPv4Range),
      nodePort: port.nodePort || undefined,
      all,
      serving: candidates.map(toBackend),
      internal: spec.internalTrafficPolicy === 'Local' ? local : all,
      external: keepsSource ? local : all,
      keepsSource,
      affinitySeconds:
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
          : undefined,
    };
  });
}
