// /metrics/resource: what the metrics server reads. Every sample bears the time of its measurement.
// https://kubernetes.io/docs/reference/instrumentation/node-metrics/ Upstream: pkg/kubelet/metrics/collectors/resource_metrics.go.
import type { CpuUsage, MemoryUsage, PodSandboxStats } from '../../proto/cri.gen.ts';
import { Exposition } from './exposition.ts';
import type { GroupUse } from './group-use.ts';

export interface ResourceInput {
  node: Pick<GroupUse, 'cpuSeconds' | 'workingSetBytes' | 'atMs'> | undefined;
  pods: readonly PodSandboxStats[];
  /** When a container began, in milliseconds since the epoch; undefined for one that does not run. */
  startOf(containerId: string): number | undefined;
  hasFailed: boolean;
}

const families = {
  node_cpu_usage_seconds_total: ['counter', '[STABLE] CPU time used on the node, in seconds of one core.'],
  node_memory_working_set_bytes: ['gauge', '[STABLE] Memory of the node that is in use and cannot be given back.'],
  container_cpu_usage_seconds_total: ['counter', '[STABLE] CPU time used by the container, in seconds of one core.'],
  container_memory_working_set_bytes: ['gauge', '[STABLE] Memory of the container in use that cannot be given back.'],
  container_start_time_seconds: ['gauge', '[STABLE] When the container began, in seconds since the epoch.'],
  pod_cpu_usage_seconds_total: ['counter', '[STABLE] CPU time used by the pod, in seconds of one core.'],
  pod_memory_working_set_bytes: ['gauge', '[STABLE] Memory of the pod that is in use and cannot be given back.'],
  resource_scrape_error: ['gauge', '[STABLE] 1 when the measurement failed, else 0.'],
} as const;

/** Renders the text format of Prometheus. */
export function renderResourceMetrics({ node, pods, startOf, hasFailed }: ResourceInput): string {
  const out = new Exposition(families);
  out.add('node_cpu_usage_seconds_total', {}, node?.cpuSeconds, node?.atMs);
  out.add('node_memory_working_set_bytes', {}, node?.workingSetBytes, node?.atMs);
  for (const { attributes, linux } of pods) {
    const { name: pod = '', namespace = '' } = attributes?.metadata ?? {};
    for (const c of linux?.containers ?? []) {
      // One that has ended uses nothing.
      if (!c.cpu && !c.memory) continue;
      const labels = { container: c.attributes?.metadata?.name ?? '', namespace, pod };
      const startMs = startOf(c.attributes?.id ?? '');
      out.add('container_cpu_usage_seconds_total', labels, cpuSeconds(c.cpu), millis(c.cpu));
      out.add('container_memory_working_set_bytes', labels, workingSet(c.memory), millis(c.memory));
      out.add('container_start_time_seconds', labels, startMs === undefined ? undefined : startMs / 1000);
    }
    out.add('pod_cpu_usage_seconds_total', { namespace, pod }, cpuSeconds(linux?.cpu), millis(linux?.cpu));
    out.add('pod_memory_working_set_bytes', { namespace, pod }, workingSet(linux?.memory), millis(linux?.memory));
  }
  out.add('resource_scrape_error', {}, hasFailed ? 1 : 0);
  return out.render();
}

const cpuSeconds = (cpu: CpuUsage | null | undefined) =>
  cpu?.usage_core_nano_seconds ? Number(cpu.usage_core_nano_seconds.value) / 1e9 : undefined;
const workingSet = (memory: MemoryUsage | null | undefined) =>
  memory?.working_set_bytes ? Number(memory.working_set_bytes.value) : undefined;
const millis = (use: { timestamp: string } | null | undefined) =>
  use ? Number(BigInt(use.timestamp || '0') / 1_000_000n) : undefined;
