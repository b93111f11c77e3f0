// The flags of `k8ts controllers`; those of kube-controller-manager, as far as there is something to set.
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
import { leaderElectionFlags } from '../client/elected.ts';
import { secureServingFlags } from '../client/secure/server.ts';
import { type Flags, type FlagTable, flag } from '../machinery/flags.ts';
import { controllerNames } from './names.ts';
import { nodeLifecycleFlags } from './node/flags.ts';
import { defaultThreshold } from './node/pod-garbage-collector.ts';

/** What flags call the controllers whose keys at a time they set. */
export const allSyncs = Object.values(controllerNames).flatMap(({ syncs }) => syncs ?? []);
export const concurrencyFlag = (syncs: string) => `${syncs.replace(/^(mirroring-)?/, '$1concurrent-')}-syncs`;
const concurrencyFlags: FlagTable = Object.fromEntries(
  allSyncs.map((syncs) => {
    const doc = `Objects worked on at the same time, in place of what the controller says.`;
    return [concurrencyFlag(syncs), { type: 'number', doc }];
  }),
);

export const flags = {
  ...concurrencyFlags,
  ...nodeLifecycleFlags,
  controllers: flag.list(
    'Those that run: "*" is all that are on by default, "foo" is on, "-foo" is off; the first mention counts.',
    { default: ['*'] },
  ),
  'use-service-account-credentials': flag.boolean('Each controller acts as a service account of its own.', {
    default: false,
  }),
  kubeconfig: flag.string('How to reach the API server.', { required: true }),
  'root-ca-file': flag.string('CA certificate to publish in every namespace (PEM file).'),
  'service-account-private-key-file': flag.string(
    'Key that signs the tokens in Secrets of service accounts (PEM file); none are without it.',
  ),
  'cluster-cidr': flag.string('Address range of pods; nodes are given parts of it. None are without it.'),
  'node-cidr-mask-size': flag.number("Bits of the mask of a node's part.", { default: 24 }),
  'service-cluster-ip-range': flag.string('Address range of services, which no node is given.'),
  'cluster-signing-cert-file': flag.string('CA certificate that signs requests for certificates (PEM file).'),
  'legacy-service-account-token-clean-up-period': flag.string(
    'So long a token that was made for an account without being asked for may go unused before it is marked, and so long again before it is deleted.',
    { default: '8760h0m0s' },
  ),
  'terminated-pod-gc-threshold': flag.number('Ended pods that stay before the oldest are deleted; 0 for all.', {
    default: defaultThreshold,
  }),
  'cluster-signing-key-file': flag.string('Its key (PEM file).'),
  'metrics-bind-address': flag.string(
    'Address at which metrics of nodes and pods are served to the API server; they are not without it.',
  ),
  'metrics-secure-port': flag.number('Port of the same.', { default: 10251 }),
  'metrics-tls-cert-file': flag.string('Its certificate (PEM file).'),
  'metrics-tls-private-key-file': flag.string('The key of that (PEM file).'),
  'cluster-signing-duration': flag.string('Longest life of a signed certificate.', { default: '8760h0m0s' }),
  ...secureServingFlags(10257),
  ...leaderElectionFlags('kube-controller-manager'),
} as const satisfies FlagTable;

export type Options = Flags<typeof flags>;
