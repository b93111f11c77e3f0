// NetworkPolicy: which traffic some pods may have.
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
import { column, defineKind } from '../../machinery/kind.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import { warnOfCIDR } from '../meta/addresses.ts';
import { ageColumn, orNone } from '../meta/columns.ts';
import { type NetworkPolicy, type NetworkPolicyPeer, networkPolicySchema } from './networkpolicy/schema.ts';
import { validateNetworkPolicy } from './networkpolicy/validation.ts';

export const NetworkPolicyKind = defineKind<NetworkPolicy>({
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  scope: 'Namespaced',
  shortNames: ['netpol'],
  served: [{ group: 'networking.k8s.io', version: 'v1', schema: networkPolicySchema, setDefaults }],
  hasGeneration: true,
  columns: [
    column('Pod-Selector', 'string', 'The pods it is for.', ({ spec }) =>
      orNone(formatLabelSelector(spec.podSelector)),
    ),
    ageColumn,
  ],
  validate: validateNetworkPolicy,
  warnings: ({ spec }) => [
    ...(spec.ingress ?? []).flatMap(({ from }, i) => warnOfPeers(from, `spec.ingress[${i}].from`)),
    ...(spec.egress ?? []).flatMap(({ to }, i) => warnOfPeers(to, `spec.egress[${i}].to`)),
  ],
});

const warnOfPeers = (peers: readonly NetworkPolicyPeer[] = [], path: string) =>
  peers.flatMap(({ ipBlock }, i) => [
    ...warnOfCIDR(ipBlock?.cidr ?? '', `${path}[${i}].ipBlock.cidr`),
    ...(ipBlock?.except ?? []).flatMap((range, k) => warnOfCIDR(range, `${path}[${i}].ipBlock.except[${k}]`)),
  ]);

/** A policy that does not say otherwise restricts what comes in, and what goes out where it has rules for that. */
function setDefaults({ spec }: NetworkPolicy): void {
  if (spec.policyTypes?.length) return;
  spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
}
