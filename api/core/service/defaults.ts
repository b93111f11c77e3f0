// Defaults of services that depend on other fields. Addresses, node ports and IP families are given
// out by the API server. Upstream: SetDefaults_Service.
import type { Service } from '../service.ts';

const clientIPTimeoutSeconds = 10_800;

/** Changes the service. */
export function setServiceDefaults(service: Service): void {
  const { spec } = service;
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: clientIPTimeoutSeconds } };
  }
  for (const port of spec.ports ?? []) {
    if (!port.targetPort) port.targetPort = port.port;
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) {
    if (ingress.ip) ingress.ipMode ??= 'VIP';
  }
}

/** Whether clients outside the cluster reach it through nodes. */
export function isExternallyAccessible({ spec }: Service): boolean {
  return (
    spec.type === 'LoadBalancer' ||
    spec.type === 'NodePort' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)
  );
}
