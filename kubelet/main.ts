// `k8ts kubelet`: flags and start. Upstream: cmd/kubelet.
import { join } from 'node:path';
import process from 'node:process';
import { readKubeconfig } from '../client/config.ts';
import { type ComponentSpec, runComponent } from '../machinery/component.ts';
import { parseGoDuration } from '../machinery/duration.ts';
import { messageOf } from '../machinery/errors.ts';
import { type Flags, type FlagTable, flag } from '../machinery/flags.ts';
import { defaultEviction, type EvictionSettings, parseThresholds } from './eviction/thresholds.ts';
import { checkImageGc, defaultImageGc, type ImageGcSettings } from './images/image-gc.ts';
import { checkVerification, defaultVerification, type PullVerification } from './images/pull-records.ts';
import { type KubeletOptions, startKubelet } from './kubelet.ts';
import { parseMaxRestartPeriod } from './pods/back-off.ts';
import { idsPerPodProblem, idsUnit } from './pods/user-namespaces.ts';
import type { AccessSettings } from './server/client-access.ts';

const pairs = (of: Readonly<Record<string, string>>, sign: string) =>
  Object.entries(of).map(([key, value]) => `${key}${sign}${value}`);

const flagTable = {
  kubeconfig: flag.string('How to reach the API server, and as whom.', { required: true }),
  'node-name': flag.string('Name of this node.', { required: true }),
  'node-ip': flag.string('Address of this node.', { required: true }),
  'container-runtime-endpoint': flag.string('Socket of the container runtime, unix:///path.', { required: true }),
  'root-dir': flag.string('Folder for volumes and files of pods.', { default: '/var/lib/kubelet' }),
  'log-dir': flag.string('Folder for logs of containers.', { default: '/var/log/pods' }),
  'cluster-dns': flag.string('Address of the cluster DNS; empty for none.', { default: '' }),
  'cluster-domain': flag.string('Domain of the cluster.', { default: 'cluster.local' }),
  'bootstrap-kubeconfig': flag.string(
    'How to ask for a first certificate, where the kubeconfig has none that is good: it is written then.',
    { default: '' },
  ),
  'cert-dir': flag.string(
    'Folder for certificates that the kubelet asks for or makes; pki in the root folder if not given.',
    { default: '' },
  ),
  'rotate-certificates': flag.boolean('The certificate for the API server is renewed before it expires.', {
    default: false,
  }),
  'rotate-server-certificates': flag.boolean(
    'The certificate of the server is asked for, and renewed; somebody has to approve it.',
    { default: false },
  ),
  'tls-cert-file': flag.string(
    'Certificate of the server; without one it is asked for, or made, and vouches for itself.',
    { default: '' },
  ),
  'tls-private-key-file': flag.string('Its key.', { default: '' }),
  'client-ca-file': flag.string('CA whose client certificates are accepted.', { required: true }),
  'anonymous-auth': flag.boolean('Requests that show nothing are from system:anonymous.', { default: false }),
  'authentication-token-webhook': flag.boolean('Bearer tokens are taken.', { default: true }),
  'authentication-token-webhook-cache-ttl': flag.string('How long what the API server says of a token is believed.', {
    default: '2m',
  }),
  'authorization-mode': flag.string(
    'Webhook: the API server is asked who may what; AlwaysAllow: everybody may everything.',
    { default: 'Webhook' },
  ),
  'authorization-webhook-cache-authorized-ttl': flag.string('How long it is believed that somebody may.', {
    default: '5m',
  }),
  'authorization-webhook-cache-unauthorized-ttl': flag.string('How long it is believed that somebody may not.', {
    default: '30s',
  }),
  port: flag.number('Port of the server.', { default: 10_250 }),
  'node-labels': flag.list('Labels of the Node object, key=value,...', { default: [] }),
  'resolv-conf': flag.string("The node's resolver configuration.", { default: '/etc/resolv.conf' }),
  'cgroup-root': flag.string('Control group below which all pods lie.', { default: '/' }),
  'storage-kubeconfig': flag.string(
    "As whom the cluster's own storage driver makes volumes; empty for a node without it.",
    { default: '' },
  ),
  'storage-dir': flag.string("Folder for the driver's volumes.", { default: '/var/lib/k8ts-storage' }),
  'pod-manifest-path': flag.string(
    'Folder of manifests of pods, or one manifest, that the kubelet runs by itself; empty for none.',
    { default: '' },
  ),
  'eviction-hard': flag.list('Below which amounts pods are evicted at once, signal<amount,...', {
    default: pairs(defaultEviction.evictionHard, '<'),
  }),
  'eviction-soft': flag.list('Below which amounts pods are evicted after a while, signal<amount,...', { default: [] }),
  'eviction-soft-grace-period': flag.list('After which while, signal=duration,...', { default: [] }),
  'eviction-minimum-reclaim': flag.list('How much more is to be freed, signal=amount,...', { default: [] }),
  'eviction-pressure-transition-period': flag.string(
    'How long the node says that it is short of something after it was.',
    { default: defaultEviction.evictionPressureTransitionPeriod },
  ),
  'eviction-max-pod-grace-period': flag.number('Seconds a pod has to end that is evicted after a while.', {
    default: defaultEviction.evictionMaxPodGracePeriod,
  }),
  'image-gc-high-threshold': flag.number(
    'From this use of the disk on, in percent, unused images are removed; 100 for never.',
    { default: defaultImageGc.imageGCHighThresholdPercent },
  ),
  'image-gc-low-threshold': flag.number('Until no more than this is in use, in percent.', {
    default: defaultImageGc.imageGCLowThresholdPercent,
  }),
  'minimum-image-ttl-duration': flag.string('Younger images are not removed.', {
    default: defaultImageGc.imageMinimumGCAge,
  }),
  'maximum-image-ttl-duration': flag.string('Images that nobody used for so long are removed; 0s for never.', {
    default: defaultImageGc.imageMaximumGCAge,
  }),
  'image-pull-credentials-verification-policy': flag.string(
    'For which images that are there a pod shows credentials: NeverVerify, NeverVerifyPreloadedImages, ' +
      'NeverVerifyAllowlistedImages or AlwaysVerify.',
    { default: defaultVerification },
  ),
  'preloaded-images-verification-allowlist': flag.list('Images that NeverVerifyAllowlistedImages is about.', {
    default: [],
  }),
  'image-credential-provider-config': flag.string(
    'Which programs know credentials of registries: a file, or a folder of files; empty for none.',
    { default: '' },
  ),
  'image-credential-provider-bin-dir': flag.string('Folder of these programs.', { default: '' }),
  'max-container-restart-period': flag.string('How long a container that ends again and again waits at most.', {
    default: '5m0s',
  }),
  'user-namespaces-ids-per-pod': flag.number(
    'How many ids a pod has that has a user namespace of its own: a multiple of 65536.',
    { default: idsUnit },
  ),
  'single-process-oom-kill': flag.boolean(
    'Memory that runs out ends one process of a container, not all; true on cgroup version 1, false on 2 if not given.',
  ),
} as const satisfies FlagTable;

type TtlFlag = Extract<keyof typeof flagTable, `${string}-ttl`>;

const spec: ComponentSpec<typeof flagTable> = {
  name: 'kubelet',
  summary: 'Runs the pods that are bound to this node.',
  flags: flagTable,
  check,
  start: (flags, context) => startKubelet(toOptions(flags), context),
};

function toOptions(flags: Flags<typeof flagTable>): KubeletOptions {
  const endpoint = flags['container-runtime-endpoint'];
  return {
    identity: {
      name: flags['node-name'],
      ip: flags['node-ip'],
      port: flags.port,
      labels: splitPairs(flags['node-labels'], '='),
    },
    credentials: {
      kubeconfig: flags.kubeconfig,
      bootstrapKubeconfig: flags['bootstrap-kubeconfig'],
      certDir: flags['cert-dir'] || join(flags['root-dir'], 'pki'),
      rotates: flags['rotate-certificates'],
      nodeName: flags['node-name'],
    },
    serverCertificate: {
      certFile: flags['tls-cert-file'],
      keyFile: flags['tls-private-key-file'],
      rotates: flags['rotate-server-certificates'],
    },
    runtimeSocket: endpoint.replace(/^unix:\/\//, ''),
    rootDir: flags['root-dir'],
    podLogsDir: flags['log-dir'],
    clusterDns: flags['cluster-dns'],
    clusterDomain: flags['cluster-domain'],
    resolvConf: flags['resolv-conf'],
    cgroupRoot: flags['cgroup-root'],
    eviction: evictionOf(flags),
    imageGc: imageGcOf(flags),
    pullVerification: verificationOf(flags),
    credentialProviders: {
      configPath: flags['image-credential-provider-config'],
      binDir: flags['image-credential-provider-bin-dir'],
      env: process.env,
    },
    maxRestartPeriodMs: restartPeriodOf(flags),
    idsPerPod: flags['user-namespaces-ids-per-pod'],
    staticPodPath: flags['pod-manifest-path'],
    singleProcessOOMKill: flags['single-process-oom-kill'],
    access: accessOf(flags),
    storage: flags['storage-kubeconfig']
      ? { api: readKubeconfig(flags['storage-kubeconfig']), dir: flags['storage-dir'] }
      : undefined,
  };
}

const evictionOf = (flags: Flags<typeof flagTable>): EvictionSettings => ({
  evictionHard: splitPairs(flags['eviction-hard'], '<'),
  evictionSoft: splitPairs(flags['eviction-soft'], '<'),
  evictionSoftGracePeriod: splitPairs(flags['eviction-soft-grace-period'], '='),
  evictionMinimumReclaim: splitPairs(flags['eviction-minimum-reclaim'], '='),
  evictionPressureTransitionPeriod: flags['eviction-pressure-transition-period'],
  evictionMaxPodGracePeriod: flags['eviction-max-pod-grace-period'],
});

/** Errors name the flag. */
function readFlag<T, N extends string>(flags: Record<N, string>, name: N, read: (text: string) => T): T {
  try {
    return read(flags[name]);
  } catch (err) {
    throw new Error(`--${name}: ${messageOf(err)}`, { cause: err });
  }
}

function accessOf(flags: Flags<typeof flagTable>): AccessSettings {
  const ttlOf = (name: TtlFlag) => readFlag(flags, name, parseGoDuration);
  const mode = flags['authorization-mode'];
  if (mode !== 'Webhook' && mode !== 'AlwaysAllow') {
    throw new Error(`--authorization-mode takes Webhook or AlwaysAllow, not ${JSON.stringify(mode)}`);
  }
  return {
    clientCaFile: flags['client-ca-file'],
    anonymous: flags['anonymous-auth'],
    tokens: flags['authentication-token-webhook'],
    tokenTtlMs: ttlOf('authentication-token-webhook-cache-ttl'),
    mode,
    allowedTtlMs: ttlOf('authorization-webhook-cache-authorized-ttl'),
    deniedTtlMs: ttlOf('authorization-webhook-cache-unauthorized-ttl'),
  };
}

const imageGcOf = (flags: Flags<typeof flagTable>): ImageGcSettings => ({
  imageGCHighThresholdPercent: flags['image-gc-high-threshold'],
  imageGCLowThresholdPercent: flags['image-gc-low-threshold'],
  imageMinimumGCAge: flags['minimum-image-ttl-duration'],
  imageMaximumGCAge: flags['maximum-image-ttl-duration'],
});

const verificationOf = (flags: Flags<typeof flagTable>): PullVerification => ({
  imagePullCredentialsVerificationPolicy: flags['image-pull-credentials-verification-policy'],
  preloadedImagesVerificationAllowlist: flags['preloaded-images-verification-allowlist'],
});

const restartPeriodOf = (flags: Flags<typeof flagTable>) =>
  readFlag(flags, 'max-container-restart-period', parseMaxRestartPeriod);

function check(flags: Flags<typeof flagTable>): void {
  parseThresholds(evictionOf(flags));
  checkImageGc(imageGcOf(flags));
  checkVerification(verificationOf(flags));
  restartPeriodOf(flags);
  const problem = idsPerPodProblem(flags['user-namespaces-ids-per-pod']);
  if (problem) throw new Error(`--user-namespaces-ids-per-pod ${problem}`);
  accessOf(flags);
  for (const [one, other] of [
    ['tls-cert-file', 'tls-private-key-file'],
    ['image-credential-provider-config', 'image-credential-provider-bin-dir'],
  ] as const)
    if ((flags[one] === '') !== (flags[other] === '')) throw new Error(`--${one} and --${other} belong together`);
}

function splitPairs(given: readonly string[], sign: string): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const [key = '', ...value] = pair.split(sign);
      return [key, value.join(sign)];
    }),
  );
}

export async function main(argv: string[]): Promise<void> {
  await runComponent(process, spec, argv);
}
