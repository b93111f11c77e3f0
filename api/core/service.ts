// Service: a stable address for a set of pods.
// Addresses and node ports are given out by the API server; the rest of a service's life is in service/.
// https://kubernetes.io/docs/concepts/services-networking/service/
import { defineKind } from '../../machinery/kind.ts';
import { condition, objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { dropObsoleteFields, keepAllocatedFields, syncClusterIPs } from './service/allocated-fields.ts';
import { serviceColumns } from './service/columns.ts';
import { setServiceDefaults } from './service/defaults.ts';
import { validateService, validateServiceStatus, validateServiceUpdate } from './service/validation.ts';
import { warnOfService } from './service/warnings.ts';

export const servicePort = s.api('core.v1.ServicePort', 'A port of a service.', {
  appProtocol: s.string('Application protocol, as a hint.', { pointer: true }),
  name: s.string('Name; needed when there are several ports.'),
  nodePort: s.int32('Port on every node that leads here.'),
  port: s.int32('Port of the service.', mandatory),
  protocol: s.string('TCP, UDP or SCTP.', { default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }),
  targetPort: s.intOrString('Port number or name in the pods; the same as port when absent.', { always: true }),
});
export interface ServicePort extends TypeOf<typeof servicePort> {}

const clientIPConfig = s.api('core.v1.ClientIPConfig', 'Affinity by client address.', {
  timeoutSeconds: s.int32('How long it lasts without traffic.', { pointer: true }),
});

export const sessionAffinityConfig = s.api('core.v1.SessionAffinityConfig', 'Settings of session affinity.', {
  clientIP: s.field(clientIPConfig, 'For ClientIP.'),
});

const serviceSpec = s.api('core.v1.ServiceSpec', 'How a service behaves.', {
  allocateLoadBalancerNodePorts: s.boolean('Whether a load balancer service takes node ports.', { pointer: true }),
  clusterIP: s.string('Virtual address; None for a headless service.'),
  clusterIPs: s.list(s.string(''), 'Virtual addresses, one per family; the first equals clusterIP.', atomic),
  externalIPs: s.list(s.string(''), 'Addresses of nodes that take traffic for the service.', atomic),
  externalName: s.string('DNS name that an ExternalName service stands for.'),
  externalTrafficPolicy: s.string('Cluster, or Local to keep traffic on its node and the source address.', {
    enum: ['Cluster', 'Local'],
  }),
  healthCheckNodePort: s.int32('Port for load balancers that ask whether a node has endpoints.'),
  internalTrafficPolicy: s.string("Cluster, or Local to stay on the sender's node.", {
    pointer: true,
    enum: ['Cluster', 'Local'],
  }),
  ipFamilies: s.list(s.string('', { enum: ['', 'IPv4', 'IPv6'] }), 'IPv4, IPv6 or both.', atomic),
  ipFamilyPolicy: s.string('SingleStack, PreferDualStack or RequireDualStack.', {
    pointer: true,
    enum: ['PreferDualStack', 'RequireDualStack', 'SingleStack'],
  }),
  loadBalancerClass: s.string('Which implementation provides the load balancer.', { pointer: true }),
  loadBalancerIP: s.string('Address wished for; obsolete.'),
  loadBalancerSourceRanges: s.list(s.string(''), 'Client ranges that may use the load balancer.', atomic),
  ports: s.list(servicePort, 'Ports of the service.', mergedBy('port', 'protocol')),
  publishNotReadyAddresses: s.boolean('Include pods that are not ready.'),
  selector: s.map(s.string(''), 'Labels of the pods behind it.', { mapType: 'atomic' }),
  sessionAffinity: s.string('None, or ClientIP to send a client to the same pod.', {
    default: 'None',
    enum: ['ClientIP', 'None'],
  }),
  sessionAffinityConfig: s.field(sessionAffinityConfig, 'Settings of the affinity.'),
  trafficDistribution: s.string('Wish for close endpoints: PreferSameZone, PreferSameNode.', { pointer: true }),
  type: s.string('ClusterIP, NodePort, LoadBalancer or ExternalName.', {
    default: 'ClusterIP',
    enum: ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'],
  }),
});
export interface ServiceSpec extends TypeOf<typeof serviceSpec> {}

const portStatus = s.api('core.v1.PortStatus', 'State of a load balancer port.', {
  error: s.string('Why it does not work.', { pointer: true }),
  port: s.int32('Port number.', mandatory),
  protocol: s.string('TCP, UDP or SCTP.', { ...mandatory, enum: ['SCTP', 'TCP', 'UDP'] }),
});

export const loadBalancerIngress = s.api('core.v1.LoadBalancerIngress', 'An entry point of a load balancer.', {
  hostname: s.string('Its DNS name.'),
  ip: s.string('Its address.'),
  ipMode: s.string('VIP, or Proxy.', { pointer: true }),
  ports: s.list(portStatus, 'State of its ports.', atomic),
});

const loadBalancerStatus = s.api('core.v1.LoadBalancerStatus', 'State of a load balancer.', {
  ingress: s.list(loadBalancerIngress, 'Where it takes traffic.', atomic),
});

const serviceStatus = s.api('core.v1.ServiceStatus', 'Observed state of a service.', {
  conditions: s.list(condition, 'State of the service.', mergedBy('type')),
  loadBalancer: s.field(loadBalancerStatus, 'State of the load balancer.', { always: true }),
});

const schema = s.api('core.v1.Service', 'A stable address for a set of pods.', {
  ...objectFields,
  spec: s.field(serviceSpec, 'How the service behaves.', { always: true }),
  status: s.field(serviceStatus, 'Where the service stands.', { always: true }),
});
export interface Service extends ObjectOf<typeof schema> {}

export const ServiceKind = defineKind<Service>({
  kind: 'Service',
  plural: 'services',
  scope: 'Namespaced',
  shortNames: ['svc'],
  categories: ['all'],
  served: [{ group: '', version: 'v1', schema, setDefaults: setServiceDefaults }],
  subresources: {
    status: true,
    custom: [
      {
        name: 'proxy',
        verbs: ['create', 'delete', 'get', 'patch', 'update'],
        kind: { group: '', version: 'v1', kind: 'ServiceProxyOptions' },
      },
    ],
  },
  nameRule: 'label',
  allowCreateOnUpdate: true,
  returnsDeletedObject: true,
  prepareForCreate: (service) => {
    syncClusterIPs(service);
    service.status = { loadBalancer: {} };
  },
  prepareForUpdate: (next, old) => {
    syncClusterIPs(next, old);
    keepAllocatedFields(next, old);
    dropObsoleteFields(next, old);
    if (next.spec.type !== 'LoadBalancer') next.status = { ...next.status, loadBalancer: {} };
  },
  selectableFields: {
    'spec.clusterIP': (service) => service.spec.clusterIP ?? '',
    'spec.type': (service) => service.spec.type ?? '',
  },
  columns: serviceColumns,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateServiceStatus,
  warnings: warnOfService,
});
