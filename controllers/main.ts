// `k8ts controllers`: every controller in one process, over shared informers. Upstream: kube-controller-manager.
import { readFileSync } from 'node:fs';
import { readKubeconfig } from '../client/config.ts';
import { runElected } from '../client/elected.ts';
import { serveSecurely } from '../client/secure/server.ts';
import { type ComponentContext, type RunningComponent, runComponent } from '../machinery/component.ts';
import { parseGoDuration } from '../machinery/duration.ts';
import { describeConfig } from './configz.ts';
import { allSyncs, concurrencyFlag, flags, type Options } from './flags.ts';
import { createControllers } from './index.ts';
import { selectLoops } from './names.ts';
import { readNodeLifecycle } from './node/flags.ts';
import { startControllers } from './run.ts';

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
  const state: { running?: RunningComponent } = {};
  const server = await serveSecurely(options, context, {
    config,
    userAgent: 'kube-controller-manager/secure-serving',
    state: { ...context, notReady: () => (state.running ? state.running.notReady() : 'starting') },
    configz: describeConfig(options),
  });
  const elected = await runElected(options, config, 'kube-controller-manager', context, run);
  state.running = elected;
  return {
    notReady: () => elected.notReady(),
    async stop() {
      await elected.stop();
      server?.close();
    },
  };
}

export async function main(argv: string[]): Promise<void> {
  await runComponent(process, { name: 'controllers', summary: 'Runs the controllers.', flags, start }, argv);
}
