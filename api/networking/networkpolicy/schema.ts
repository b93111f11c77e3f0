// The schema of NetworkPolicy.
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
import { labelSelector, objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';

const ipBlock = s.api('networking.v1.IPBlock', 'A range of addresses, with holes.', {
  cidr: s.string('The range.', mandatory),
  except: s.list(s.string(''), 'Parts of it that are left out.', atomic),
});
export interface IPBlock extends TypeOf<typeof ipBlock> {}

const networkPolicyPeer = s.api('networking.v1.NetworkPolicyPeer', 'Who may be talked with.', {
  ipBlock: s.field(ipBlock, 'A range of addresses.'),
  namespaceSelector: s.field(labelSelector, 'Pods of these namespaces; all namespaces when empty.'),
  podSelector: s.field(labelSelector, 'These pods; all pods when empty.'),
});
export interface NetworkPolicyPeer extends TypeOf<typeof networkPolicyPeer> {}

const networkPolicyPort = s.api('networking.v1.NetworkPolicyPort', 'A port, or a range of ports.', {
  endPort: s.int32('Last port of the range that begins with port.', { pointer: true }),
  port: s.intOrString('Number, or name of a port of the pods; all ports when absent.', { pointer: true }),
  protocol: s.string('TCP, UDP or SCTP.', { pointer: true, default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }),
});
export interface NetworkPolicyPort extends TypeOf<typeof networkPolicyPort> {}

const networkPolicyEgressRule = s.api('networking.v1.NetworkPolicyEgressRule', 'Traffic that may leave the pods.', {
  ports: s.list(networkPolicyPort, 'Ports at the other end; all when empty.', atomic),
  to: s.list(networkPolicyPeer, 'Where to; anywhere when empty.', atomic),
});

const networkPolicyIngressRule = s.api('networking.v1.NetworkPolicyIngressRule', 'Traffic that may reach the pods.', {
  from: s.list(networkPolicyPeer, 'Where from; anywhere when empty.', atomic),
  ports: s.list(networkPolicyPort, 'Ports of the pods; all when empty.', atomic),
});

const networkPolicySpec = s.api('networking.v1.NetworkPolicySpec', 'Which traffic some pods may have.', {
  egress: s.list(networkPolicyEgressRule, 'Traffic that may leave them.', atomic),
  ingress: s.list(networkPolicyIngressRule, 'Traffic that may reach them.', atomic),
  podSelector: s.field(labelSelector, 'The pods it is for; all of the namespace when empty.', { always: true }),
  policyTypes: s.list(s.string('', { enum: ['Egress', 'Ingress'] }), 'Directions it restricts.', atomic),
});

export const networkPolicySchema = s.api('networking.v1.NetworkPolicy', 'Which traffic some pods may have.', {
  ...objectFields,
  spec: s.field(networkPolicySpec, 'The pods and their traffic.', { always: true }),
});
export interface NetworkPolicy extends ObjectOf<typeof networkPolicySchema> {}
