// /configz: the configuration that this kubelet runs with, under the names of upstream's KubeletConfiguration.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
import type { EvictionSettings } from '../eviction/thresholds.ts';
import type { ImageGcSettings } from '../images/image-gc.ts';
import { defaultMaxBytes, defaultMaxFiles } from '../logs/log-rotator.ts';
import { leaseSeconds } from '../node/node-reporter.ts';
import { maxPods } from '../node/node-status.ts';

export interface KubeletSettings {
  port: number;
  podLogsDir: string;
  clusterDns: string;
  clusterDomain: string;
  resolvConf: string;
  runtimeSocket: string;
  clientCaFile: string;
  cgroupRoot: string;
  staticPodPath: string;
  eviction: EvictionSettings;
  imageGc: ImageGcSettings;
  singleProcessOOMKill: boolean | undefined;
}

export function describeConfig(settings: KubeletSettings): object {
  const { port, podLogsDir, clusterDns, clusterDomain, resolvConf, runtimeSocket, clientCaFile, cgroupRoot } = settings;
  return {
    kubeletconfig: {
      enableServer: true,
      ...(settings.staticPodPath === '' ? {} : { staticPodPath: settings.staticPodPath }),
      address: '0.0.0.0',
      port,
      authentication: {
        x509: { clientCAFile: clientCaFile },
        webhook: { enabled: false },
        anonymous: { enabled: false },
      },
      podLogsDir,
      clusterDomain,
      ...(clusterDns === '' ? {} : { clusterDNS: [clusterDns] }),
      resolvConf,
      cgroupRoot,
      ...(settings.singleProcessOOMKill === undefined ? {} : { singleProcessOOMKill: settings.singleProcessOOMKill }),
      cgroupDriver: 'cgroupfs',
      cgroupsPerQOS: true,
      containerRuntimeEndpoint: `unix://${runtimeSocket}`,
      containerLogMaxSize: String(defaultMaxBytes),
      containerLogMaxFiles: defaultMaxFiles,
      ...settings.imageGc,
      ...settings.eviction,
      nodeLeaseDurationSeconds: leaseSeconds,
      maxPods,
      localStorageCapacityIsolation: true,
      enableSystemLogHandler: true,
    },
  };
}
