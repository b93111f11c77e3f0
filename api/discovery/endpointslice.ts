// EndpointSlice: some of the endpoints behind a service.
// The service proxies read these; the endpoint slice controller writes them, a thousand endpoints to a slice at most.
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/

import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { objectReference } from '../core/object-reference.ts';
import { warnOfIP } from '../meta/addresses.ts';
import { ageColumn, joinWithMore } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './endpointslice/validation.ts';

export const endpointConditions = s.api('discovery.v1.EndpointConditions', 'Whether an endpoint should be used.', {
  ready: s.boolean('Takes new traffic.', { pointer: true }),
  serving: s.boolean('Answers, even while it terminates.', { pointer: true }),
  terminating: s.boolean('Is being ended.', { pointer: true }),
});

const forNode = s.api('discovery.v1.ForNode', 'A node that should use an endpoint.', {
  name: s.string('Name of the node.', mandatory),
});

const forZone = s.api('discovery.v1.ForZone', 'A zone that should use an endpoint.', {
  name: s.string('Name of the zone.', mandatory),
});

const endpointHints = s.api('discovery.v1.EndpointHints', 'Who should use an endpoint.', {
  forNodes: s.list(forNode, 'Nodes that should use it.', atomic),
  forZones: s.list(forZone, 'Zones that should use it.', atomic),
});

export const endpoint = s.api('discovery.v1.Endpoint', 'One endpoint.', {
  addresses: s.list(s.string(''), 'Its addresses; clients use the first.', {
    ...mandatory,
    listType: 'set',
  }),
  conditions: s.field(endpointConditions, 'Whether it should be used.', { always: true }),
  deprecatedTopology: s.map(s.string(''), 'Former topology labels.'),
  hints: s.field(endpointHints, 'Who should use it.'),
  hostname: s.string('Host name of the endpoint.', { pointer: true }),
  nodeName: s.string('Node it is on.', { pointer: true }),
  targetRef: s.field(objectReference, 'The object it belongs to.'),
  zone: s.string('Zone it is in.', { pointer: true }),
});
export interface Endpoint extends TypeOf<typeof endpoint> {}

export const endpointPort = s.atomic('discovery.v1.EndpointPort', 'A port.', {
  appProtocol: s.string('Application protocol, as a hint.', { pointer: true }),
  name: s.string('Name of the port in the service.', { pointer: true, default: '' }),
  port: s.int32('Port number.', { pointer: true }),
  protocol: s.string('TCP, UDP or SCTP.', { pointer: true, default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }),
});
export interface EndpointPort extends TypeOf<typeof endpointPort> {}

const schema = s.api('discovery.v1.EndpointSlice', 'Some of the endpoints behind a service.', {
  ...objectFields,
  addressType: s.string('IPv4, IPv6 or FQDN.', { ...mandatory, enum: ['FQDN', 'IPv4', 'IPv6'] }),
  endpoints: s.list(endpoint, 'The endpoints; at most 1000.', { always: true, listType: 'atomic' }),
  ports: s.list(endpointPort, 'Ports of all of them.', { always: true, listType: 'atomic' }),
});
export interface EndpointSlice extends ObjectOf<typeof schema> {}

export const EndpointSliceKind = defineKind<EndpointSlice>({
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  served: [{ group: 'discovery.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  bumpsGeneration: (next, old) =>
    !jsonEqual(next.metadata.labels, old.metadata.labels) ||
    !jsonEqual({ ...next, metadata: null }, { ...old, metadata: null }),
  columns: [
    column('AddressType', 'string', 'IPv4, IPv6 or FQDN.', (slice) => slice.addressType),
    column('Ports', 'string', 'Ports of all endpoints.', showPorts),
    column('Endpoints', 'string', 'Addresses of the endpoints.', (slice) =>
      joinWithMore(
        (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []),
        '<unset>',
      ),
    ),
    ageColumn,
  ],
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  warnings: ({ addressType, endpoints }, old) => [
    ...(addressType === 'FQDN' && !old ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
    ...(endpoints ?? []).flatMap(({ addresses }, i) =>
      (addresses ?? []).flatMap((ip, j) => warnOfIP(ip, `endpoints[${i}].addresses[${j}]`)),
    ),
  ],
});

function showPorts(slice: EndpointSlice): string {
  return joinWithMore(
    (slice.ports ?? []).map((port) => (port.port === undefined ? (port.name ?? '*') : String(port.port))),
    '<unset>',
  );
}
