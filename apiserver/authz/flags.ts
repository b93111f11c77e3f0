// The flags of authorization, named as kube-apiserver's.
import { type Flags, type FlagTable, flag, parseFlags } from '../../machinery/flags.ts';

export const authorizationFlags = {
  'authorization-mode': flag.list('Who is asked, in this order: Node, RBAC, Webhook, ABAC, AlwaysAllow, AlwaysDeny.', {
    default: ['Node', 'RBAC'],
  }),
  'authorization-config': flag.string(
    'Who is asked, in order (AuthorizationConfiguration), in place of --authorization-mode and its like.',
  ),
  'authorization-policy-file': flag.string(
    'Policies of the mode ABAC, one a line (abac.authorization.kubernetes.io/v1beta1).',
  ),
  'authorization-webhook-config-file': flag.string('Kubeconfig that says where the mode Webhook asks.'),
  'authorization-webhook-version': flag.string('Version of authorization.k8s.io that it speaks: v1 or v1beta1.', {
    default: 'v1beta1',
  }),
  'authorization-webhook-cache-authorized-ttl': flag.string('How long its yes is kept.', { default: '5m0s' }),
  'authorization-webhook-cache-unauthorized-ttl': flag.string('How long any other answer of it is kept.', {
    default: '30s',
  }),
} as const satisfies FlagTable;

export type AuthorizationOptions = Flags<typeof authorizationFlags>;

export const authorizationDefaults: AuthorizationOptions = parseFlags(authorizationFlags, []);
