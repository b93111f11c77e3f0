// Fields of a service that the server gives out. A client that sends back what it wrote, without
// them, keeps them; a change of type gives them up. Upstream: pkg/registry/core/service/storage and
// strategy.
import { jsonEqual } from '../../../machinery/json.ts';
import type { Service, ServiceSpec } from '../service.ts';

const needsClusterIP = (spec: ServiceSpec) => spec.type !== 'ExternalName';
const needsNodePort = (spec: ServiceSpec) =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
export const needsHealthPort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
const needsExternalPolicy = (spec: ServiceSpec) =>
  spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0;

/** `clusterIP` is the first of `clusterIPs`; writers may give either. Changes the service. */
export function syncClusterIPs(next: Service, old?: Service): void {
  const { spec } = next;
  if (!old) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const unchanged = jsonEqual(spec.clusterIPs ?? [], old.spec.clusterIPs ?? []);
  if ((spec.clusterIP ?? '') === (old.spec.clusterIP ?? '')) {
    if (spec.clusterIP && spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP];
  } else if (!spec.clusterIP) {
    if (unchanged) delete spec.clusterIPs;
  } else if (unchanged) {
    spec.clusterIPs = [spec.clusterIP];
  }
}

/** Takes over what the update left out and still needs. Changes the service. */
export function keepAllocatedFields(next: Service, old: Service): void {
  const to = next.spec;
  const from = old.spec;
  if (needsClusterIP(from) && needsClusterIP(to)) {
    if (!to.clusterIP && from.clusterIP) to.clusterIP = from.clusterIP;
    if (!to.clusterIPs?.length && to.clusterIP === from.clusterIP && from.clusterIPs) to.clusterIPs = from.clusterIPs;
  }
  if (needsNodePort(from) && needsNodePort(to)) keepNodePorts(to, from);
  if (needsHealthPort(from) && needsHealthPort(to) && from.healthCheckNodePort) {
    to.healthCheckNodePort ||= from.healthCheckNodePort;
  }
}

function keepNodePorts(to: ServiceSpec, from: ServiceSpec): void {
  const given = new Set((to.ports ?? []).map((port) => port.nodePort));
  const used = new Set((from.ports ?? []).map((port) => port.nodePort).filter((port) => port && given.has(port)));
  const byName = new Map((from.ports ?? []).map((port) => [port.name ?? '', port.nodePort]));
  for (const port of to.ports ?? []) {
    const known = byName.get(port.name ?? '');
    if (port.nodePort || !known || used.has(known)) continue;
    port.nodePort = known;
    used.add(known);
  }
}

/** Drops what the old type needed and the new one does not, unless the update changed it. Changes the service. */
export function dropObsoleteFields(next: Service, old: Service): void {
  const to = next.spec;
  const from = old.spec;
  const dropSame = (fields: readonly (keyof ServiceSpec)[]) => {
    for (const field of fields) if (jsonEqual(to[field], from[field])) delete to[field];
  };
  if (needsClusterIP(from) && !needsClusterIP(to)) {
    dropSame(['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']);
  }
  if (needsNodePort(from) && !needsNodePort(to)) {
    const had = new Set((from.ports ?? []).map((port) => port.nodePort));
    for (const port of to.ports ?? []) if (had.has(port.nodePort)) delete port.nodePort;
  }
  if (needsHealthPort(from) && !needsHealthPort(to)) dropSame(['healthCheckNodePort']);
  if (from.type === 'LoadBalancer' && to.type !== 'LoadBalancer') {
    dropSame(['allocateLoadBalancerNodePorts', 'loadBalancerClass']);
  }
  if (needsExternalPolicy(from) && !needsExternalPolicy(to)) dropSame(['externalTrafficPolicy']);
}
