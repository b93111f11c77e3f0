// Endpoints: addresses behind a service; superseded by EndpointSlice.
// Kept for clients that still read it; the proxies read EndpointSlices.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { warnOfIP } from '../meta/addresses.ts';
import { ageColumn, joinWithMore } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { repackSubsets } from './endpoints/subsets.ts';
import { validateEndpoints } from './endpoints/validation.ts';
import { objectReference } from './object-reference.ts';

const endpointAddress = s.atomic('core.v1.EndpointAddress', 'One address.', {
  hostname: s.string('Host name of the endpoint.'),
  ip: s.string('The address.', mandatory),
  nodeName: s.string('Node it is on.', { pointer: true }),
  targetRef: s.field(objectReference, 'The object it belongs to.'),
});
export interface EndpointAddress extends TypeOf<typeof endpointAddress> {}

export const endpointPort = s.atomic('core.v1.EndpointPort', 'A port.', {
  appProtocol: s.string('Application protocol, as a hint.', { pointer: true }),
  name: s.string('Name of the port in the service.'),
  port: s.int32('Port number.', mandatory),
  protocol: s.string('TCP, UDP or SCTP.', { default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }),
});
export interface EndpointPort extends TypeOf<typeof endpointPort> {}

const endpointSubset = s.api('core.v1.EndpointSubset', 'Addresses that share their ports.', {
  addresses: s.list(endpointAddress, 'Addresses that are ready.', atomic),
  notReadyAddresses: s.list(endpointAddress, 'Addresses that are not ready.', atomic),
  ports: s.list(endpointPort, 'Ports of all of them.', atomic),
});

const schema = s.api('core.v1.Endpoints', 'Addresses behind a service; superseded by EndpointSlice.', {
  ...objectFields,
  subsets: s.list(endpointSubset, 'Groups of addresses that share their ports.', atomic),
});
export interface Endpoints extends ObjectOf<typeof schema> {}

export const EndpointsKind = defineKind<Endpoints>({
  kind: 'Endpoints',
  plural: 'endpoints',
  scope: 'Namespaced',
  shortNames: ['ep'],
  served: [
    {
      group: '',
      version: 'v1',
      schema,
      deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    },
  ],
  allowCreateOnUpdate: true,
  columns: [column('Endpoints', 'string', 'Addresses with their ports.', showEndpoints), ageColumn],
  validate: validateEndpoints,
  warnings: ({ subsets = [] }) =>
    subsets.flatMap((subset, i) =>
      (['addresses', 'notReadyAddresses'] as const).flatMap((field) =>
        (subset[field] ?? []).flatMap(({ ip }, j) => warnOfIP(ip, `subsets[${i}].${field}[${j}].ip`)),
      ),
    ),
  canonicalize: (endpoints) => {
    if (endpoints.subsets) endpoints.subsets = repackSubsets(endpoints.subsets);
  },
});

function showEndpoints(endpoints: Endpoints): string {
  const shown: string[] = [];
  for (const { addresses = [], ports = [] } of endpoints.subsets ?? []) {
    // A headless service may have no ports at all.
    for (const port of ports.length > 0 ? ports : [undefined]) {
      for (const { ip } of addresses) shown.push(port ? joinHostPort(ip, port.port) : ip);
    }
  }
  return joinWithMore(shown, '<none>');
}

const joinHostPort = (ip: string, port: number) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
