// Variables that tell a container where the services of its namespace are, in the form of Docker links.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
import type { Service } from '../../api/core/service.ts';

const nameOf = (text: string) => text.toUpperCase().replaceAll('-', '_');

/** The variables of one service; none without a cluster address. */
export function serviceVariables(service: Service): Record<string, string> {
  const { clusterIP } = service.spec;
  const ports = service.spec.ports ?? [];
  const [first] = ports;
  if (!clusterIP || clusterIP === 'None' || !first) return {};
  const prefix = nameOf(service.metadata.name ?? '');
  const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
  const urlOf = (port: { port: number; protocol?: string }) =>
    `${(port.protocol ?? 'TCP').toLowerCase()}://${host}:${port.port}`;
  const out: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: clusterIP,
    [`${prefix}_SERVICE_PORT`]: String(first.port),
    [`${prefix}_PORT`]: urlOf(first),
  };
  for (const port of ports) {
    if (port.name) out[`${prefix}_SERVICE_PORT_${nameOf(port.name)}`] = String(port.port);
    const protocol = port.protocol ?? 'TCP';
    const link = `${prefix}_PORT_${port.port}_${protocol}`;
    out[link] = urlOf(port);
    out[`${link}_PROTO`] = protocol.toLowerCase();
    out[`${link}_PORT`] = String(port.port);
    out[`${link}_ADDR`] = clusterIP;
  }
  return out;
}

/** Of the namespace's services when the pod wants links, and of the API server's service always. */
export function allServiceVariables(
  services: readonly Service[],
  options: { namespace: string; enableLinks: boolean },
): Record<string, string> {
  const isMaster = (s: Service) => s.metadata.namespace === 'default' && s.metadata.name === 'kubernetes';
  const chosen = new Map<string, Service>();
  for (const service of services) if (isMaster(service)) chosen.set('kubernetes', service);
  for (const service of services) {
    if (options.enableLinks && service.metadata.namespace === options.namespace) {
      chosen.set(service.metadata.name ?? '', service);
    }
  }
  return Object.assign({}, ...[...chosen.values()].map(serviceVariables));
}
