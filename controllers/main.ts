// `k8ts controllers`: every controller in one process, over shared informers. Upstream: kube-controller-manager.
import { readFileSync } from 'node:fs';
import { readKubeconfig } from '../client/config.ts';
import { leaderElectionFlags, runElected } from '../client/elected.ts';
import { type ComponentContext, runComponent } from '../machinery/component.ts';
import { parseGoDuration } from '../machinery/duration.ts';
import type { Flags, FlagTable } from '../machinery/flags.ts';
import { createControllers } from './index.ts';
import { controllerNames, selectLoops } from './names.ts';
import { nodeLifecycleFlags, readNodeLifecycle } from './node/flags.ts';
import { defaultThreshold } from './node/pod-garbage-collector.ts';
import { startControllers } from './run.ts';

const allSyncs = Object.values(controllerNames).flatMap(({ syncs }) => syncs ?? []);
const concurrencyFlag = (syncs: string) => `${syncs.replace(/^(mirroring-)?/, '$1concurrent-')}-syncs`;
const concurrencyFlags: FlagTable = Object.fromEntries(
  allSyncs.map((syncs) => {
    const doc = `Objects worked on at the same time, in place of what the controller says.`;
    return [concurrencyFlag(syncs), { type: 'number', doc }];
  }),
);

const flags = {
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
  ...leaderElectionFlags('kube-controller-manager'),
} as const satisfies FlagTable;

type Options = Flags<typeof flags>;

/** What certificates are signed with; both files or none. */
function readSigning(options: Options) {
  const certFile = options['cluster-signing-cert-file'];
  const keyFile = options['cluster-signing-key-file'];
  if (!certFile && !keyFile) return {};
  if (!certFile || !keyFile) {
    throw new Error('--cluster-signing-cert-file and --cluster-signing-key-file are given together');
  }
  const lifetimeMs = parseGoDuration(options['cluster-signing-duration']);
  return {
    signing: { certificatePem: readFileSync(certFile, 'utf8'), keyPem: readFileSync(keyFile, 'utf8'), lifetimeMs },
  };
}

/** The numbers that flags give, by what they call the controllers. */
function readConcurrency(options: Readonly<Record<string, unknown>>): Record<string, number> {
  const given = allSyncs.flatMap((syncs): [string, number][] => {
    const value = options[concurrencyFlag(syncs)];
    if (value === undefined) return [];
    if (!Number.isInteger(value) || Number(value) < 1) {
      throw new Error(`--${concurrencyFlag(syncs)} takes a whole number above 0, not "${value}"`);
    }
    return [[syncs, Number(value)]];
  });
  return Object.fromEntries(given);
}

/** Where and as whom metrics are served; all of it or nothing. */
function readMetrics(options: Options) {
  const address = options['metrics-bind-address'];
  if (!address) return {};
  const certFile = options['metrics-tls-cert-file'];
  const keyFile = options['metrics-tls-private-key-file'];
  if (!certFile || !keyFile) {
    throw new Error('--metrics-bind-address needs --metrics-tls-cert-file and --metrics-tls-private-key-file');
  }
  const port = options['metrics-secure-port'];
  const pem = { certificatePem: readFileSync(certFile, 'utf8'), keyPem: readFileSync(keyFile, 'utf8') };
  return { metrics: { address, port, ...pem } };
}

async function start(options: Options, context: ComponentContext) {
  const rootCaFile = options['root-ca-file'];
  const clusterCidr = options['cluster-cidr'];
  const serviceCidr = options['service-cluster-ip-range'];
  const ranges = { nodeMaskSize: options['node-cidr-mask-size'], ...(serviceCidr ? { serviceCidr } : {}) };
  const rootCaPem = rootCaFile ? readFileSync(rootCaFile, 'utf8') : undefined;
  const keyFile = options['service-account-private-key-file'];
  const all = createControllers({
    terminatedPods: options['terminated-pod-gc-threshold'],
    nodeLifecycle: readNodeLifecycle(options),
    legacyTokenPeriodMs: parseGoDuration(options['legacy-service-account-token-clean-up-period']),
    ...(rootCaPem === undefined ? {} : { rootCaPem }),
    ...(keyFile ? { tokens: { privateKeyPem: readFileSync(keyFile, 'utf8'), rootCaPem } } : {}),
    ...readSigning(options),
    ...readMetrics(options),
    ...(clusterCidr ? { nodeRanges: { clusterCidr, ...ranges } } : {}),
  });
  const config = readKubeconfig(options.kubeconfig);
  const controllers = selectLoops(all, options.controllers);
  const useAccounts = options['use-service-account-credentials'];
  const runOptions = { useAccounts, concurrency: readConcurrency(options) };
  const run = async () => startControllers(controllers, config, context, runOptions);
  return runElected(options, config, 'kube-controller-manager', context, run);
}

export async function main(argv: string[]): Promise<void> {
  await runComponent(process, { name: 'controllers', summary: 'Runs the controllers.', flags, start }, argv);
}
