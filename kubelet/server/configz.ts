// /configz: the configuration that this kubelet runs with, under the names of upstream's KubeletConfiguration.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
import { formatGoDuration } from '../../machinery/duration.ts';
import type { CredentialOptions, ServerCertificateOptions } from '../certificates/node-certificates.ts';
import type { EvictionSettings } from '../eviction/thresholds.ts';
import type { ImageGcSettings } from '../images/image-gc.ts';
import type { PullVerification } from '../images/pull-records.ts';
import { defaultMaxBytes, defaultMaxFiles } from '../logs/log-rotator.ts';
import { leaseSeconds } from '../node/node-reporter.ts';
import { maxPods } from '../node/node-status.ts';
import type { AccessSettings } from './client-access.ts';

export interface KubeletSettings {
  podLogsDir: string;
  clusterDns: string;
  clusterDomain: string;
  resolvConf: string;
  runtimeSocket: string;
  access: AccessSettings;
  credentials: CredentialOptions;
  serverCertificate: ServerCertificateOptions;
  cgroupRoot: string;
  /** A folder of manifests, or one; empty for none. */
  staticPodPath: string;
  eviction: EvictionSettings;
  imageGc: ImageGcSettings;
  pullVerification: PullVerification;
  /** How long a container that ends again and again waits at most. */
  maxRestartPeriodMs: number;
  /** Of the user namespace of a pod that has one. */
  idsPerPod: number;
  /** Undefined means what the version of control groups has by itself. */
  singleProcessOOMKill: boolean | undefined;
}

export function describeConfig(settings: KubeletSettings, port: number): object {
  const { access, serverCertificate: server } = settings;
  return {
    kubeletconfig: {
      enableServer: true,
      ...(settings.staticPodPath === '' ? {} : { staticPodPath: settings.staticPodPath }),
      address: '0.0.0.0',
      port,
      ...(server.certFile === '' ? {} : { tlsCertFile: server.certFile, tlsPrivateKeyFile: server.keyFile }),
      rotateCertificates: settings.credentials.rotates,
      serverTLSBootstrap: server.rotates,
      authentication: {
        x509: { clientCAFile: access.clientCaFile },
        webhook: { enabled: access.tokens, cacheTTL: formatGoDuration(access.tokenTtlMs) },
        anonymous: { enabled: access.anonymous },
      },
      authorization: {
        mode: access.mode,
        webhook: {
          cacheAuthorizedTTL: formatGoDuration(access.allowedTtlMs),
          cacheUnauthorizedTTL: formatGoDuration(access.deniedTtlMs),
        },
      },
      podLogsDir: settings.podLogsDir,
      clusterDomain: settings.clusterDomain,
      ...(settings.clusterDns === '' ? {} : { clusterDNS: [settings.clusterDns] }),
      resolvConf: settings.resolvConf,
      cgroupRoot: settings.cgroupRoot,
      ...(settings.singleProcessOOMKill === undefined ? {} : { singleProcessOOMKill: settings.singleProcessOOMKill }),
      cgroupDriver: 'cgroupfs',
      cgroupsPerQOS: true,
      containerRuntimeEndpoint: `unix://${settings.runtimeSocket}`,
      containerLogMaxSize: String(defaultMaxBytes),
      containerLogMaxFiles: defaultMaxFiles,
      crashLoopBackOff: { maxContainerRestartPeriod: formatGoDuration(settings.maxRestartPeriodMs) },
      userNamespaces: { idsPerPod: settings.idsPerPod },
      ...settings.imageGc,
      ...settings.pullVerification,
      ...settings.eviction,
      nodeLeaseDurationSeconds: leaseSeconds,
      maxPods,
      localStorageCapacityIsolation: true,
      enableSystemLogHandler: true,
    },
  };
}
