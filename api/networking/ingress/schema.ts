// The schema of Ingress.
// https://kubernetes.io/docs/concepts/services-networking/ingress/
import { objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { typedLocalObjectReference } from '../../core/object-reference.ts';
import type { ObjectOf } from '../../meta/object.ts';

const serviceBackendPort = s.atomic('networking.v1.ServiceBackendPort', 'A port of a service, by name or number.', {
  name: s.string('Name of the port.'),
  number: s.int32('Number of the port.'),
});

const ingressServiceBackend = s.api('networking.v1.IngressServiceBackend', 'A service that takes requests.', {
  name: s.string('Name of the service, in the same namespace.', mandatory),
  port: s.field(serviceBackendPort, 'Port of the service.', { always: true }),
});

const ingressBackend = s.api('networking.v1.IngressBackend', 'Where requests go: a service or another object.', {
  resource: s.field(typedLocalObjectReference, 'Another object that takes requests.'),
  service: s.field(ingressServiceBackend, 'A service that takes requests.'),
});
export interface IngressBackend extends TypeOf<typeof ingressBackend> {}

const httpIngressPath = s.api('networking.v1.HTTPIngressPath', 'A path and where its requests go.', {
  backend: s.field(ingressBackend, 'Where requests go.', mandatory),
  path: s.string('The path that is matched.'),
  pathType: s.string('How it is matched: Exact, Prefix or ImplementationSpecific.', {
    required: true,
    pointer: true,
    enum: ['Exact', 'ImplementationSpecific', 'Prefix'],
  }),
});
export interface HTTPIngressPath extends TypeOf<typeof httpIngressPath> {}

const httpIngressRuleValue = s.api('networking.v1.HTTPIngressRuleValue', 'Paths and where their requests go.', {
  paths: s.list(httpIngressPath, 'The paths.', { ...mandatory, ...atomic }),
});

const ingressRule = s.api('networking.v1.IngressRule', 'What happens to requests for one host.', {
  host: s.string('Name of the host, which may begin with `*.`; any host when empty.'),
  http: s.field(httpIngressRuleValue, 'Its paths.'),
});
export interface IngressRule extends TypeOf<typeof ingressRule> {}

const ingressTLS = s.api('networking.v1.IngressTLS', 'Hosts that share a certificate.', {
  hosts: s.list(s.string(''), 'Hosts in the certificate.', atomic),
  secretName: s.string('Secret with the certificate and its key.'),
});
export interface IngressTLS extends TypeOf<typeof ingressTLS> {}

const ingressSpec = s.api('networking.v1.IngressSpec', 'How requests from outside reach services.', {
  defaultBackend: s.field(ingressBackend, 'Where requests go that no rule matches.'),
  ingressClassName: s.string('The IngressClass whose controller serves it.', { pointer: true }),
  rules: s.list(ingressRule, 'Rules by host.', atomic),
  tls: s.list(ingressTLS, 'Certificates by host.', atomic),
});

const ingressPortStatus = s.api('networking.v1.IngressPortStatus', 'State of a port of the entry point.', {
  error: s.string('Why it does not work.', { pointer: true }),
  port: s.int32('Port number.', mandatory),
  protocol: s.string('TCP, UDP or SCTP.', { ...mandatory, enum: ['SCTP', 'TCP', 'UDP'] }),
});

const loadBalancerIngress = s.api('networking.v1.IngressLoadBalancerIngress', 'An entry point, by address or name.', {
  hostname: s.string('Its DNS name.'),
  ip: s.string('Its address.'),
  ports: s.list(ingressPortStatus, 'State of its ports.', atomic),
});

const ingressLoadBalancerStatus = s.api('networking.v1.IngressLoadBalancerStatus', 'Where requests come in.', {
  ingress: s.list(loadBalancerIngress, 'The entry points.', atomic),
});

const ingressStatus = s.api('networking.v1.IngressStatus', 'Observed state of an ingress.', {
  loadBalancer: s.field(ingressLoadBalancerStatus, 'Where requests come in.', { always: true }),
});

export const ingressSchema = s.api('networking.v1.Ingress', 'How requests from outside reach services.', {
  ...objectFields,
  spec: s.field(ingressSpec, 'Hosts, paths and where their requests go.', { always: true }),
  status: s.field(ingressStatus, 'Where requests come in.', { always: true }),
});
export interface Ingress extends ObjectOf<typeof ingressSchema> {}
