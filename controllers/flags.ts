// The flags of `k8ts controllers`; those of kube-controller-manager, as far as there is something to set.
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
import { leaderElectionFlags } from '../client/elected.ts';
import { secureServingFlags } from '../client/secure/server.ts';
import type { Flags, FlagTable } from '../machinery/flags.ts';
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
  controllers: {
    type: 'list',
    doc: 'Those that run: "*" is all that are on by default, "foo" is on, "-foo" is off; the first mention counts.',
    default: ['*'],
  },
  'use-service-account-credentials': {
    type: 'boolean',
    doc: 'Each controller acts as a service account of its own.',
    default: false,
  },
  kubeconfig: { type: 'string', doc: 'How to reach the API server.', required: true },
  'root-ca-file': { type: 'string', doc: 'CA certificate to publish in every namespace (PEM file).' },
  'service-account-private-key-file': {
    type: 'string',
    doc: 'Key that signs the tokens in Secrets of service accounts (PEM file); none are without it.',
  },
  'cluster-cidr': { type: 'string', doc: 'Address range of pods; nodes are given parts of it. None are without it.' },
  'node-cidr-mask-size': { type: 'number', doc: "Bits of the mask of a node's part.", default: 24 },
  'service-cluster-ip-range': { type: 'string', doc: 'Address range of services, which no node is given.' },
  'cluster-signing-cert-file': {
    type: 'string',
    doc: 'CA certificate that signs requests for certificates (PEM file).',
  },
  'legacy-service-account-token-clean-up-period': {
    type: 'string',
    doc: 'So long a token that was made for an account without being asked for may go unused before it is marked, and so long again before it is deleted.',
    default: '8760h0m0s',
  },
  'terminated-pod-gc-threshold': {
    type: 'number',
    doc: 'Ended pods that stay before the oldest are deleted; 0 for all.',
    default: defaultThreshold,
  },
  'cluster-signing-key-file': { type: 'string', doc: 'Its key (PEM file).' },
  'metrics-bind-address': {
    type: 'string',
    doc: 'Address at which metrics of nodes and pods are served to the API server; they are not without it.',
  },
  'metrics-secure-port': { type: 'number', doc: 'Port of the same.', default: 10251 },
  'metrics-tls-cert-file': { type: 'string', doc: 'Its certificate (PEM file).' },
  'metrics-tls-private-key-file': { type: 'string', doc: 'The key of that (PEM file).' },
  'cluster-signing-duration': { type: 'string', doc: 'Longest life of a signed certificate.', default: '8760h0m0s' },
  ...secureServingFlags(10257),
  ...leaderElectionFlags('kube-controller-manager'),
} as const satisfies FlagTable;

export type Options = Flags<typeof flags>;
