// /stats/summary: use of the node's resources by pods and containers, as the runtime and the control groups measure it.
// https://kubernetes.io/docs/reference/instrumentation/node-metrics/#summary-api-source
// Upstream: staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1, pkg/kubelet/stats.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import { measureFolder } from '../../host/folder-size.ts';
import { netDevRows } from '../../host/net-dev.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type {
  ContainerStats,
  CpuUsage,
  FilesystemUsage,
  IoUsage,
  MemoryUsage,
  NetworkInterfaceUsage,
  PodSandboxStats,
  PsiData,
  PsiStats,
} from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { diskVolumesOf } from '../eviction/storage-limits.ts';
import type { Observation, Observations } from '../eviction/thresholds.ts';
import { podLogDir } from '../logs/pod-log-folders.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { millisOf, nameOf, readySandbox } from '../pods/runtime-state.ts';
import type { PodVolumeUse, VolumeUse } from '../volumes/volume-use.ts';
import type { CpuRates } from './cpu-rates.ts';
import type { GroupUse } from './group-use.ts';

export interface StatsInput {
  cri: CriClient;
  nodeName: string;
  /** When the kubelet began to measure. */
  startMs: number;
  node: { usage: GroupUse | undefined; signals: Observations };
  /** Of all pods together. */
  allPods: GroupUse | undefined;
  worker(podUid: string): Pick<PodWorker, 'pod' | 'runtime' | 'volumes'> | undefined;
  rates: CpuRates;
  podLogsDir: string;
  nowMs: number;
  /** Nothing that takes long to measure. */
  onlyCpuAndMemory: boolean;
}

/** What is undefined in it does not show in its JSON. */
export async function describeNodeStats(input: StatsInput): Promise<object> {
  const { stats } = await input.cri.runtime.ListPodSandboxStats({});
  const pods = await Promise.all(stats.map((pod) => describePod(pod, input)));
  const node = describeNode(input);
  input.rates.turn();
  return { node, pods };
}

function describeNode({ nodeName, node, allPods, rates, startMs, nowMs, onlyCpuAndMemory }: StatsInput): object {
  const { usage, signals } = node;
  const time = timestamp(nowMs);
  const startTime = timestamp(startMs);
  const pids = signals['pid.available'];
  const images = fsOf(signals, 'imagefs');
  const pods = allPods && { name: 'pods', startTime, ...describeGroup('pods', allPods, rates, onlyCpuAndMemory) };
  const own = usage && describeGroup('', usage, rates, onlyCpuAndMemory);
  const memory = own && { ...own.memory, availableBytes: signals['memory.available']?.available };
  const base = { nodeName, systemContainers: pods && [pods], startTime, cpu: own?.cpu, memory };
  if (onlyCpuAndMemory) return base;
  return {
    ...base,
    swap: own?.swap,
    io: own?.io,
    network: { time, ...nodeNetwork() },
    fs: { time, ...fsOf(signals, 'nodefs') },
    runtime: { imageFs: { time, ...images }, containerFs: { time, ...images } },
    rlimit: pids && { time, maxpid: pids.capacity, curproc: pids.capacity - pids.available },
  };
}

function describeGroup(key: string, use: GroupUse, rates: CpuRates, onlyCpuAndMemory: boolean) {
  const { atMs, cpuSeconds, usageBytes, workingSetBytes, rssBytes, pageFaults, majorPageFaults, limitBytes } = use;
  const { cpu, memory, io } = use.pressure;
  const time = timestamp(atMs);
  const nanoseconds = Math.round(cpuSeconds * 1e9);
  const availableBytes = limitBytes && Math.max(0, limitBytes - workingSetBytes);
  const counts = { usageBytes, workingSetBytes, rssBytes, pageFaults, majorPageFaults };
  return {
    cpu: { time, usageNanoCores: rates.of(key, atMs, nanoseconds), usageCoreNanoSeconds: nanoseconds, psi: cpu },
    memory: { time, availableBytes, ...counts, psi: memory },
    swap: use.swapBytes === undefined || onlyCpuAndMemory ? undefined : { time, swapUsageBytes: use.swapBytes },
    io: io && !onlyCpuAndMemory ? { time, psi: io } : undefined,
  };
}

const takenOf = (seen: Observation | undefined) => seen && seen.capacity - seen.available;

function fsOf(signals: Observations, fs: 'nodefs' | 'imagefs'): VolumeUse {
  const [bytes, inodes] = [signals[`${fs}.available`], signals[`${fs}.inodesFree`]];
  return {
    availableBytes: bytes?.available,
    capacityBytes: bytes?.capacity,
    usedBytes: takenOf(bytes),
    inodesFree: inodes?.available,
    inodes: inodes?.capacity,
    inodesUsed: takenOf(inodes),
  };
}

/** The ends of pods' links are no interfaces of the node. */
const isOfNode = (name: string) => name !== 'lo' && !/^(pod|veth|docker)/.test(name);

function nodeNetwork(): object {
  const interfaces = netDevRows(readFileSync('/proc/self/net/dev', 'latin1'))
    .filter(({ name }) => isOfNode(name))
    .map(({ name, counts }) => {
      const [rxBytes, , rxErrors, , , , , , txBytes, , txErrors] = counts.map(Number);
      return { name, rxBytes, rxErrors, txBytes, txErrors };
    });
  return { ...(interfaces.find(({ name }) => name === 'eth0') ?? { name: '' }), interfaces };
}

async function describePod(stats: PodSandboxStats, input: StatsInput): Promise<object> {
  const { name = '', namespace = '', uid = '' } = stats.attributes?.metadata ?? {};
  const { linux } = stats;
  const worker = input.worker(uid);
  const sandbox = worker && readySandbox(worker.runtime.state);
  const containers = await Promise.all((linux?.containers ?? []).map((c) => describeContainer(c, worker, input)));
  const base = {
    podRef: { name, namespace, uid },
    startTime: timestamp(sandbox ? millisOf(sandbox.created_at) : input.startMs),
    containers,
    cpu: cpuOf(`pod ${uid}`, linux?.cpu, input.rates),
    memory: memoryOf(linux?.memory),
  };
  if (input.onlyCpuAndMemory) return base;
  const volumes = (await worker?.volumes.measure()) ?? [];
  const network = linux?.network;
  return {
    ...base,
    swap: swapOf(linux?.containers ?? []),
    io: ioOf(linux?.io),
    network: network
      ? {
          time: timeOf(network.timestamp),
          ...(network.default_interface ? interfaceOf(network.default_interface) : { name: '' }),
          interfaces: network.interfaces.map(interfaceOf),
        }
      : undefined,
    volume: volumes.length > 0 ? volumes.map((use) => describeVolume(use, input.nowMs)) : undefined,
    'ephemeral-storage': describeEphemeral(containers, worker?.pod, volumes, input),
    process_stats: { process_count: numberOf(linux?.process?.process_count ?? null) ?? 0 },
  };
}

/** What the pod takes of the node's disk: layers, logs, and volumes that go with it. */
function describeEphemeral(
  containers: readonly DescribedContainer[],
  pod: Pod | undefined,
  volumes: readonly PodVolumeUse[],
  { node, nowMs }: StatsInput,
): object {
  const onDisk = new Set(pod && diskVolumesOf(pod).map((volume) => volume.name));
  for (const volume of pod?.spec.volumes ?? []) if (volume.configMap) onDisk.add(volume.name);
  const uses = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs]),
    ...volumes.filter((use) => onDisk.has(use.name)),
  ];
  const sum = (field: 'usedBytes' | 'inodesUsed') => uses.reduce((total, use) => total + (use?.[field] ?? 0), 0);
  const own = { usedBytes: sum('usedBytes'), inodesUsed: sum('inodesUsed') };
  return { time: timestamp(nowMs), ...fsOf(node.signals, 'nodefs'), ...own };
}

interface DescribedContainer {
  rootfs?: VolumeUse & { time: string };
  logs?: VolumeUse & { time: string };
  [field: string]: unknown;
}

async function describeContainer(
  { attributes, cpu, memory, io, writable_layer: layer, swap }: ContainerStats,
  worker: Pick<PodWorker, 'pod' | 'runtime'> | undefined,
  { rates, node, podLogsDir, nowMs, startMs, onlyCpuAndMemory }: StatsInput,
): Promise<DescribedContainer> {
  const name = attributes?.metadata?.name ?? '';
  const id = attributes?.id ?? '';
  const known = worker?.runtime.state.containers.find((c) => c.id === id);
  const begunMs = known ? millisOf(known.started_at) || millisOf(known.created_at) : startMs;
  const base = {
    name: known ? nameOf(known) : name,
    startTime: timestamp(begunMs),
    cpu: cpuOf(`container ${id}`, cpu, rates),
    memory: memoryOf(memory),
  };
  if (onlyCpuAndMemory) return base;
  const logs = worker && (await measureFolder(join(podLogDir(podLogsDir, worker.pod), name)));
  return {
    ...base,
    swap: swapOf([{ swap }]),
    io: ioOf(io),
    rootfs: layer ? { time: timeOf(layer.timestamp), ...fsOf(node.signals, 'imagefs'), ...takenBy(layer) } : undefined,
    logs: logs && {
      time: timestamp(nowMs),
      ...fsOf(node.signals, 'nodefs'),
      usedBytes: logs.bytes,
      inodesUsed: logs.inodes,
    },
  };
}

const takenBy = ({ used_bytes, inodes_used }: FilesystemUsage) => ({
  usedBytes: numberOf(used_bytes),
  inodesUsed: numberOf(inodes_used),
});

function describeVolume({ name, claim, isAbnormal, ...use }: PodVolumeUse, nowMs: number): object {
  const health = isAbnormal === undefined ? undefined : { abnormal: isAbnormal };
  return { time: timestamp(nowMs), ...use, name, pvcRef: claim, volumeHealthStats: health };
}

const timeOf = (nanoseconds: string) => timestamp(millisOf(nanoseconds || '0'));
const numberOf = (value: { value: string } | null) => (value ? Number(value.value) : undefined);

function cpuOf(key: string, cpu: CpuUsage | null | undefined, rates: CpuRates) {
  if (!cpu) return undefined;
  const used = numberOf(cpu.usage_core_nano_seconds);
  const measured = used === undefined ? undefined : rates.of(key, millisOf(cpu.timestamp), used);
  return {
    time: timeOf(cpu.timestamp),
    usageNanoCores: numberOf(cpu.usage_nano_cores) ?? measured,
    usageCoreNanoSeconds: used,
    psi: pressureOf(cpu.psi),
  };
}

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
        psi: pressureOf(memory.psi),
      }
    : undefined;

/** Of all of them together; a limit is one of each. */
function swapOf(containers: readonly Pick<ContainerStats, 'swap'>[]) {
  const found = containers.map(({ swap }) => swap).filter((swap) => !!swap);
  if (found.length === 0) return undefined;
  const sum = (field: 'swap_usage_bytes' | 'swap_available_bytes') => {
    const known = found.map((one) => numberOf(one[field])).filter((bytes) => bytes !== undefined);
    return known.length > 0 ? known.reduce((total, bytes) => total + bytes) : undefined;
  };
  const time = timeOf(found[0]!.timestamp);
  return { time, swapUsageBytes: sum('swap_usage_bytes'), swapAvailableBytes: sum('swap_available_bytes') };
}

const ioOf = (io: IoUsage | null | undefined) =>
  io ? { time: timeOf(io.timestamp), psi: pressureOf(io.psi) } : undefined;

function pressureOf(psi: PsiStats | null | undefined) {
  if (!psi) return undefined;
  const data = (one: PsiData | null) => ({
    total: Number(one?.Total ?? 0),
    avg10: one?.Avg10 ?? 0,
    avg60: one?.Avg60 ?? 0,
    avg300: one?.Avg300 ?? 0,
  });
  return { full: data(psi.Full), some: data(psi.Some) };
}

const interfaceOf = (i: NetworkInterfaceUsage) => ({
  name: i.name,
  rxBytes: numberOf(i.rx_bytes),
  rxErrors: numberOf(i.rx_errors),
  txBytes: numberOf(i.tx_bytes),
  txErrors: numberOf(i.tx_errors),
});
