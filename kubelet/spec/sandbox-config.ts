// A pod as the runtime's PodSandboxConfig. Upstream: kuberuntime_sandbox.go.
import { podLimits, podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts';
import type { LinuxContainerResources, PodSandboxConfig, UserNamespace } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { podLogDir } from '../logs/pod-log-folders.ts';
import { containersOf, initContainersOf, isHostNetwork, uidOf } from '../pods/pod-text.ts';
import { runtimeLabels } from '../pods/runtime-state.ts';
import { buildDnsConfig, type DnsSettings, type Warn } from './dns.ts';
import { sandboxHostname } from './hosts-file.ts';
import { cpuPeriodUs, quotaOfMilliCpu, sharesOfMilliCpu } from './resources.ts';
import { sandboxSecurity } from './security.ts';

export interface NodeSettings {
  dns: DnsSettings;
  podLogsDir: string;
  seccompDir: string;
}

export function buildSandboxConfig(
  pod: Pod,
  node: NodeSettings,
  options: { attempt: number; cgroupParent: string; userNamespace: Init<UserNamespace>; warn: Warn },
): Init<PodSandboxConfig> {
  const { name = '', namespace = '', labels, annotations } = pod.metadata;
  const uid = uidOf(pod);
  return {
    metadata: { name, namespace, uid, attempt: options.attempt },
    hostname: sandboxHostname(pod, node.dns.clusterDomain),
    log_directory: podLogDir(node.podLogsDir, pod),
    dns_config: buildDnsConfig(pod, node.dns, options.warn),
    port_mappings: isHostNetwork(pod) ? [] : portMappings(pod),
    labels: {
      ...labels,
      [runtimeLabels.podName]: name,
      [runtimeLabels.podNamespace]: namespace,
      [runtimeLabels.podUid]: uid,
    },
    annotations: { ...annotations },
    linux: {
      cgroup_parent: options.cgroupParent,
      security_context: sandboxSecurity(pod, { ...node, ...options }),
      sysctls: Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map((s) => [s.name, s.value])),
      resources: podResources(pod),
    },
  };
}

function portMappings(pod: Pod): Init<PodSandboxConfig['port_mappings']> {
  return [...initContainersOf(pod), ...containersOf(pod)].flatMap((c) =>
    (c.ports ?? [])
      .filter((p) => (p.hostPort ?? 0) > 0)
      .map((p) => ({
        protocol: p.protocol ?? 'TCP',
        container_port: p.containerPort,
        host_port: p.hostPort!,
        host_ip: p.hostIP ?? '',
      })),
  );
}

/** What the pod as a whole may use: limits only where every container has one. */
export function podResources(pod: Pod): Init<LinuxContainerResources> {
  const [requests, limits] = [podRequests(pod.spec), podLimits(pod.spec)];
  const containers = [...initContainersOf(pod), ...containersOf(pod)];
  const limited = (name: string) =>
    pod.spec.resources?.limits?.[name] !== undefined ||
    containers.every((c) => quantityValue(c.resources?.limits?.[name]) > 0);
  const memory = limited('memory') ? quantityValue(limits.memory) : 0;
  return {
    cpu_shares: String(sharesOfMilliCpu(quantityMilliValue(requests.cpu))),
    cpu_period: String(cpuPeriodUs),
    cpu_quota: String(limited('cpu') ? quotaOfMilliCpu(quantityMilliValue(limits.cpu)) : -1),
    ...(memory > 0 ? { memory_limit_in_bytes: String(memory) } : {}),
  };
}
