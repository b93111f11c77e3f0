// Services and EndpointSlices for tests, with no more said than the test is about.
import type { Service } from '../../api/core/service.ts';
import type { Endpoint, EndpointSlice } from '../../api/discovery/endpointslice.ts';

/** The node that slices' endpoints are on unless they say otherwise. */
export const here = { nodeName: 'here', zone: 'z1' };

export function buildService(name: string, spec: object = {}, namespace = 'default'): Service {
  return {
    metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: '1' },
    spec: { clusterIP: '10.96.0.20', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], ...spec },
    status: { loadBalancer: {} },
  } as Service;
}

export type EndpointRow = Partial<Endpoint> & { ip: string };

export function buildSlice(
  service: string,
  endpoints: readonly (string | EndpointRow)[],
  ports: object[] = [{ port: 8080, protocol: 'TCP' }],
): EndpointSlice {
  return {
    metadata: {
      name: `${service}-abc`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
      resourceVersion: '1',
    },
    addressType: 'IPv4',
    endpoints: endpoints.map((row) => {
      const { ip, ...rest } = typeof row === 'string' ? { ip: row } : row;
      return { addresses: [ip], conditions: { ready: true }, nodeName: 'here', ...rest };
    }),
    ports,
  } as EndpointSlice;
}
