// /stats/summary: use of the node's resources by pods and containers, as the runtime measures it.
// Upstream: staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1.

import type {
  CpuUsage,
  FilesystemUsage,
  MemoryUsage,
  NetworkInterfaceUsage,
  PodSandboxStats,
} from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import type { Observation, Observations } from '../eviction/thresholds.ts';
import type { ClaimUse } from '../volumes/volume-use.ts';
import type { NodeUsage } from './resource-metrics.ts';

const timeOf = (nanoseconds: string) => new Date(Number(BigInt(nanoseconds || '0') / 1_000_000n)).toISOString();
const numberOf = (value: { value: string } | null) => (value ? Number(value.value) : undefined);

export interface StatsInput {
  cri: CriClient;
  nodeName: string;
  node: { usage: NodeUsage | undefined; signals: Observations };
  /** How full the volumes of a pod's claims are. */
  volumesOf(podUid: string): Promise<ClaimUse[]>;
  nowMs: number;
}

export async function describeNodeStats({ cri, nodeName, node, volumesOf, nowMs }: StatsInput): Promise<object> {
  const { stats } = await cri.runtime.ListPodSandboxStats({});
  const pods = stats.map(async (pod) => {
    const uses = await volumesOf(pod.attributes?.metadata?.uid ?? '');
    return {
      ...describePod(pod),
      ...(uses.length > 0 ? { volume: uses.map((use) => describeVolume(use, nowMs)) } : {}),
    };
  });
  return { node: { nodeName, ...describeNode(node, new Date(nowMs).toISOString()) }, pods: await Promise.all(pods) };
}

/** What is undefined in an answer does not show in its JSON. */
function describeNode({ usage, signals }: StatsInput['node'], time: string): object {
  const fsOf = (bytes: Observation | undefined, inodes: Observation | undefined) => ({
    time,
    availableBytes: bytes?.available,
    capacityBytes: bytes?.capacity,
    usedBytes: bytes && bytes.capacity - bytes.available,
    inodesFree: inodes?.available,
    inodes: inodes?.capacity,
    inodesUsed: inodes && inodes.capacity - inodes.available,
  });
  const pids = signals['pid.available'];
  const availableBytes = signals['memory.available']?.available;
  return {
    cpu: usage && { time, usageCoreNanoSeconds: Math.round(usage.cpuSeconds * 1e9) },
    memory: usage && { time, availableBytes, workingSetBytes: usage.workingSetBytes },
    fs: fsOf(signals['nodefs.available'], signals['nodefs.inodesFree']),
    runtime: { imageFs: fsOf(signals['imagefs.available'], signals['imagefs.inodesFree']) },
    rlimit: pids && { time, maxpid: pids.capacity, curproc: pids.capacity - pids.available },
  };
}

function describeVolume({ name, claim, isAbnormal, ...use }: ClaimUse, nowMs: number): object {
  const health = isAbnormal === undefined ? {} : { volumeHealthStats: { abnormal: isAbnormal } };
  return {
    time: new Date(nowMs).toISOString(),
    ...use,
    name,
    pvcRef: { name: claim.name, namespace: claim.namespace },
    ...health,
  };
}

function describePod({ attributes, linux }: PodSandboxStats): object {
  const { name = '', namespace = '', uid = '' } = attributes?.metadata ?? {};
  const network = linux?.network;
  return {
    podRef: { name, namespace, uid },
    cpu: cpuOf(linux?.cpu),
    memory: memoryOf(linux?.memory),
    network: network
      ? {
          time: timeOf(network.timestamp),
          ...(network.default_interface ? interfaceOf(network.default_interface) : {}),
          interfaces: network.interfaces.map(interfaceOf),
        }
      : undefined,
    process_stats: { process_count: numberOf(linux?.process?.process_count ?? null) ?? 0 },
    containers: (linux?.containers ?? []).map((c) => ({
      name: c.attributes?.metadata?.name ?? '',
      cpu: cpuOf(c.cpu),
      memory: memoryOf(c.memory),
      rootfs: rootfsOf(c.writable_layer),
    })),
  };
}

const cpuOf = (cpu: CpuUsage | null | undefined) =>
  cpu
    ? {
        time: timeOf(cpu.timestamp),
        usageNanoCores: numberOf(cpu.usage_nano_cores),
        usageCoreNanoSeconds: numberOf(cpu.usage_core_nano_seconds),
      }
    : undefined;

const memoryOf = (memory: MemoryUsage | null | undefined) =>
  memory
    ? {
        time: timeOf(memory.timestamp),
        availableBytes: numberOf(memory.available_bytes),
        usageBytes: numberOf(memory.usage_bytes),
        workingSetBytes: numberOf(memory.working_set_bytes),
        rssBytes: numberOf(memory.rss_bytes),
        pageFaults: numberOf(memory.page_faults),
        majorPageFaults: numberOf(memory.major_page_faults),
      }
    : undefined;

const rootfsOf = (layer: FilesystemUsage | null) =>
  layer
    ? {
        time: timeOf(layer.timestamp),
        usedBytes: numberOf(layer.used_bytes),
        inodesUsed: numberOf(layer.inodes_used),
      }
    : undefined;

const interfaceOf = (i: NetworkInterfaceUsage) => ({
  name: i.name,
  rxBytes: numberOf(i.rx_bytes),
  rxErrors: numberOf(i.rx_errors),
  txBytes: numberOf(i.tx_bytes),
  txErrors: numberOf(i.tx_errors),
});
