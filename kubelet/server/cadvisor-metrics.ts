// /metrics/cadvisor: what the control groups of the node, of classes of pods, of pods and containers use. Network and
// disk are the runtime's figures. https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
// Upstream: metrics/prometheus.go of cAdvisor, with the labels of pkg/kubelet/server.
import type { ContainerStatus, PodSandboxStats } from '../../proto/cri.gen.ts';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';
import type { NodeFacts } from '../node/node-facts.ts';
import { isRunning, millisOf, nameOf, type RuntimeState, readySandbox } from '../pods/runtime-state.ts';
import { readDisks, readPackets } from './device-use.ts';
import { Exposition } from './exposition.ts';
import { readPressure } from './group-use.ts';
import { openFilesReader, readOpenFilesLimit } from './process-use.ts';

/** Where a figure stands: controller, file, the word before it (none: it stands alone), and what one of it is worth. */
type Place = readonly [controller: string, file: string, word?: string, unit?: number];

const stat = (word: string): Place => ['memory', 'memory.stat', word];
const cpu = (word: string, unit?: number): Place => ['cpu', 'cpu.stat', word, unit];
const memory = (file: string, word?: string): Place => ['memory', `memory.${file}`, word];

/** On version 1 and version 2. */
const places = {
  container_cpu_usage_seconds_total: [['cpuacct', 'cpuacct.usage', '', 1e-9], cpu('usage_usec', 1e-6)],
  container_cpu_user_seconds_total: [['cpuacct', 'cpuacct.usage_user', '', 1e-9], cpu('user_usec', 1e-6)],
  container_cpu_system_seconds_total: [['cpuacct', 'cpuacct.usage_sys', '', 1e-9], cpu('system_usec', 1e-6)],
  container_cpu_cfs_periods_total: [cpu('nr_periods'), cpu('nr_periods')],
  container_cpu_cfs_throttled_periods_total: [cpu('nr_throttled'), cpu('nr_throttled')],
  container_cpu_cfs_throttled_seconds_total: [cpu('throttled_time', 1e-9), cpu('throttled_usec', 1e-6)],
  container_memory_usage_bytes: [memory('usage_in_bytes'), memory('current')],
  container_memory_max_usage_bytes: [memory('max_usage_in_bytes'), memory('peak')],
  container_memory_cache: [stat('total_cache'), stat('file')],
  container_memory_rss: [stat('total_rss'), stat('anon')],
  container_memory_swap: [stat('total_swap'), memory('swap.current')],
  container_memory_mapped_file: [stat('total_mapped_file'), stat('file_mapped')],
  container_memory_kernel_usage: [memory('kmem.usage_in_bytes'), stat('kernel')],
  container_memory_failcnt: [memory('failcnt'), memory('events', 'max')],
  container_memory_total_active_file_bytes: [stat('total_active_file'), stat('active_file')],
  container_memory_total_inactive_file_bytes: [stat('total_inactive_file'), stat('inactive_file')],
  container_oom_events_total: [memory('oom_control', 'oom_kill'), memory('events', 'oom_kill')],
  container_threads: [
    ['pids', 'pids.current'],
    ['pids', 'pids.current'],
  ],
} as const satisfies Record<string, readonly [Place, Place]>;

const families = {
  cadvisor_version_info: ['gauge', 'Versions of what measures; always 1.'],
  container_cpu_usage_seconds_total: ['counter', 'CPU time used, in seconds of one core.'],
  container_cpu_user_seconds_total: ['counter', 'CPU time used by programs, in seconds of one core.'],
  container_cpu_system_seconds_total: ['counter', 'CPU time used by the kernel for it, in seconds of one core.'],
  container_cpu_cfs_periods_total: ['counter', 'Periods in which the limit of CPU time was enforced.'],
  container_cpu_cfs_throttled_periods_total: ['counter', 'Periods in which the limit of CPU time was reached.'],
  container_cpu_cfs_throttled_seconds_total: ['counter', 'Seconds it had to wait at the limit of CPU time.'],
  container_memory_usage_bytes: ['gauge', 'Memory in use, all kinds together.'],
  container_memory_max_usage_bytes: ['gauge', 'The most memory that was ever in use.'],
  container_memory_working_set_bytes: ['gauge', 'Memory in use that cannot be given back at once.'],
  container_memory_cache: ['gauge', 'Memory that holds contents of files.'],
  container_memory_rss: ['gauge', 'Memory of programs themselves.'],
  container_memory_swap: ['gauge', 'Bytes in swap.'],
  container_memory_mapped_file: ['gauge', 'Memory of mapped files.'],
  container_memory_kernel_usage: ['gauge', 'Memory of the kernel for it.'],
  container_memory_failcnt: ['counter', 'How often the limit of memory was reached.'],
  container_memory_total_active_file_bytes: ['gauge', 'Contents of files that were used lately.'],
  container_memory_total_inactive_file_bytes: ['gauge', 'Contents of files that were not used lately.'],
  container_oom_events_total: ['counter', 'Processes that were killed for want of memory.'],
  container_pressure_cpu_stalled_seconds_total: ['counter', 'Time in which nothing in it could go on for want of CPU.'],
  container_pressure_cpu_waiting_seconds_total: ['counter', 'Time in which something in it waited for CPU.'],
  container_pressure_memory_stalled_seconds_total: [
    'counter',
    'Time in which nothing in it could go on for want of memory.',
  ],
  container_pressure_memory_waiting_seconds_total: ['counter', 'Time in which something in it waited for memory.'],
  container_pressure_io_stalled_seconds_total: [
    'counter',
    'Time in which nothing in it could go on for want of input and output.',
  ],
  container_pressure_io_waiting_seconds_total: [
    'counter',
    'Time in which something in it waited for input and output.',
  ],
  container_memory_failures_total: ['counter', 'Faults of pages, by kind.'],
  container_processes: ['gauge', 'Processes in it.'],
  container_file_descriptors: ['gauge', 'Files that its processes have open.'],
  container_sockets: ['gauge', 'Sockets that its processes have open.'],
  container_ulimits_soft: ['gauge', 'Limits of its first process; -1 for none.'],
  container_threads: ['gauge', 'Threads in it.'],
  container_fs_usage_bytes: ['gauge', 'Bytes on the disk in the writable layer.'],
  container_fs_reads_bytes_total: ['counter', 'Bytes read from disks.'],
  container_fs_reads_total: ['counter', 'Reads from disks.'],
  container_fs_writes_bytes_total: ['counter', 'Bytes written to disks.'],
  container_fs_writes_total: ['counter', 'Writes to disks.'],
  container_network_receive_bytes_total: ['counter', 'Bytes received.'],
  container_network_receive_errors_total: ['counter', 'Errors of receiving.'],
  container_network_receive_packets_total: ['counter', 'Packets received.'],
  container_network_receive_packets_dropped_total: ['counter', 'Packets dropped that were received.'],
  container_network_transmit_bytes_total: ['counter', 'Bytes sent.'],
  container_network_transmit_errors_total: ['counter', 'Errors of sending.'],
  container_network_transmit_packets_total: ['counter', 'Packets sent.'],
  container_network_transmit_packets_dropped_total: ['counter', 'Packets dropped that were to be sent.'],
  container_spec_cpu_period: ['gauge', 'Microseconds of a period of the limit of CPU time.'],
  container_spec_cpu_quota: ['gauge', 'Microseconds of CPU time in a period.'],
  container_spec_cpu_shares: ['gauge', 'Weight of its CPU time.'],
  container_spec_memory_limit_bytes: ['gauge', 'Limit of its memory; 0 for none.'],
  container_start_time_seconds: ['gauge', 'When it began, in seconds since the epoch.'],
  container_last_seen: ['gauge', 'When it was last looked at, in seconds since the epoch.'],
  container_scrape_error: ['gauge', '1 when the runtime could not be asked, else 0.'],
  machine_cpu_cores: ['gauge', 'Cores of the machine.'],
  machine_memory_bytes: ['gauge', 'Memory of the machine.'],
} as const;

export interface CadvisorInput {
  tree: CgroupTree;
  facts: NodeFacts;
  /** Groups that hold pods. */
  groups: readonly string[];
  pods: readonly { name: string; namespace: string; uid: string; path: string; state: RuntimeState }[];
  /** What the runtime measured; undefined when it could not be asked. */
  stats: readonly PodSandboxStats[] | undefined;
  nowMs: number;
}

type Labels = Record<'container' | 'id' | 'image' | 'name' | 'namespace' | 'pod', string>;
type Out = Exposition<typeof families>;

const unnamed: Labels = { container: '', id: '', image: '', name: '', namespace: '', pod: '' };

/** Renders the text format of Prometheus. */
export function renderCadvisorMetrics({ tree, facts, groups, pods, stats, nowMs }: CadvisorInput): string {
  const out: Out = new Exposition(families);
  const source = { tree, openFiles: openFilesReader() };
  const { kernelVersion, osImage: osVersion, bootId: boot_id, machineId: machine_id, systemUuid: system_uuid } = facts;
  const none = { cadvisorRevision: '', cadvisorVersion: '', dockerVersion: '' };
  out.add('cadvisor_version_info', { ...none, kernelVersion, osVersion }, 1);
  out.add('machine_cpu_cores', { boot_id, machine_id, system_uuid }, facts.cpus);
  out.add('machine_memory_bytes', { boot_id, machine_id, system_uuid }, facts.memoryBytes);
  out.add('container_scrape_error', {}, stats ? 0 : 1);
  for (const id of ['/', ...groups]) addGroup(out, source, { ...unnamed, id }, nowMs);
  const byUid = new Map(stats?.map((one) => [one.attributes?.metadata?.uid, one.linux]));
  for (const { name: pod, namespace, uid, path, state } of pods) {
    const own = { ...unnamed, id: path, namespace, pod };
    addGroup(out, source, own, nowMs);
    const linux = byUid.get(uid);
    const sandbox = readySandbox(state);
    if (sandbox) {
      const labels = { ...own, id: `${path}/${sandbox.id}`, name: sandbox.id };
      for (const one of linux?.network?.interfaces ?? []) {
        const at = { ...labels, interface: one.name };
        out.add('container_network_receive_bytes_total', at, numberOf(one.rx_bytes), nowMs);
        out.add('container_network_receive_errors_total', at, numberOf(one.rx_errors), nowMs);
        out.add('container_network_transmit_bytes_total', at, numberOf(one.tx_bytes), nowMs);
        out.add('container_network_transmit_errors_total', at, numberOf(one.tx_errors), nowMs);
        for (const [family, count] of Object.entries(readPackets(state, tree, path, one.name))) {
          out.add(`container_network_${family as 'receive_packets'}_total`, at, count, nowMs);
        }
      }
    }
    for (const c of state.containers.filter(isRunning)) {
      const image = c.image?.image || c.image_ref;
      const labels = { container: nameOf(c), id: `${path}/${c.id}`, image, name: c.id, namespace, pod };
      addGroup(out, source, labels, nowMs);
      addSpec(out, c, labels, nowMs);
      const disk = linux?.containers.find((one) => one.attributes?.id === c.id)?.writable_layer;
      out.add('container_fs_usage_bytes', { ...labels, device: '' }, numberOf(disk?.used_bytes), nowMs);
    }
  }
  return out.render();
}

const numberOf = (value: { value: string } | null | undefined) => (value ? Number(value.value) : undefined);

interface Source {
  tree: CgroupTree;
  openFiles: ReturnType<typeof openFilesReader>;
}

/** The figures of one control group; one that is gone has none. */
function addGroup(out: Out, { tree, openFiles }: Source, labels: Labels, atMs: number): void {
  const texts = new Map<string, string | undefined>();
  const read = (controller: string, file: string) => {
    if (!texts.has(file)) texts.set(file, tree.read(controller, labels.id, file));
    return texts.get(file);
  };
  const processes = read(tree.version === 1 ? 'pids' : '', 'cgroup.procs');
  if (processes === undefined) return;
  for (const { device, ...use } of readDisks(tree, labels.id)) {
    for (const [family, value] of Object.entries(use)) {
      out.add(`container_fs_${family as 'reads'}_total`, { ...labels, device }, value, atMs);
    }
  }
  const found = new Map<string, number>();
  for (const [family, byVersion] of Object.entries(places)) {
    const [controller, file, word = '', unit = 1]: Place = byVersion[tree.version - 1]!;
    const text = read(controller, file) ?? '';
    const number = word === '' ? /^\d+/.exec(text)?.[0] : new RegExp(`^${word} (\\d+)`, 'm').exec(text)?.[1];
    if (number !== undefined) found.set(family, Number(number) * unit);
  }
  // Who has no limit waits at none.
  const isLimited = (found.get('container_cpu_cfs_periods_total') ?? 0) > 0;
  for (const [family, value] of found) {
    if (family.includes('_cfs_') && !isLimited) continue;
    const at = family === 'container_cpu_usage_seconds_total' ? { ...labels, cpu: 'total' } : labels;
    out.add(family as keyof typeof places, at, value, atMs);
  }
  for (const what of ['cpu', 'memory', 'io'] as const) {
    const pressure = readPressure(tree, labels.id, what);
    const seconds = (total: number | undefined) => (total === undefined ? undefined : total / 1e6);
    out.add(`container_pressure_${what}_stalled_seconds_total`, labels, seconds(pressure?.full.total), atMs);
    out.add(`container_pressure_${what}_waiting_seconds_total`, labels, seconds(pressure?.some.total), atMs);
  }
  const idle = found.get('container_memory_total_inactive_file_bytes') ?? 0;
  const workingSet = Math.max(0, (found.get('container_memory_usage_bytes') ?? Number.NaN) - idle);
  out.add('container_memory_working_set_bytes', labels, workingSet, atMs);
  // As cAdvisor tells them, who knows one figure.
  for (const [, failure_type, count] of (read('memory', 'memory.stat') ?? '').matchAll(
    /^(pgfault|pgmajfault) (\d+)$/gm,
  ))
    for (const scope of ['container', 'hierarchy'])
      out.add(
        'container_memory_failures_total',
        { ...labels, failure_type: failure_type!, scope },
        Number(count),
        atMs,
      );
  const pids = processes === '' ? [] : processes.split('\n');
  const { files, sockets } = openFiles(pids);
  out.add('container_processes', labels, pids.length, atMs);
  out.add('container_file_descriptors', labels, files, atMs);
  out.add('container_sockets', labels, sockets, atMs);
  // Of the node as a whole, and of containers.
  const first = labels.id === '/' ? '1' : labels.name && pids[0];
  if (first)
    out.add('container_ulimits_soft', { ...labels, ulimit: 'max_open_files' }, readOpenFilesLimit(first), atMs);
  out.add('container_last_seen', labels, Math.floor(atMs / 1000), atMs);
}

/** What a container was given. */
function addSpec(out: Out, container: ContainerStatus, labels: Labels, atMs: number): void {
  const { cpu_period, cpu_quota, cpu_shares, memory_limit_in_bytes } = container.resources?.linux ?? {};
  out.add('container_start_time_seconds', labels, millisOf(container.started_at) / 1000, atMs);
  out.add('container_spec_cpu_period', labels, Number(cpu_period ?? 0) || undefined, atMs);
  if (Number(cpu_quota ?? 0) > 0) out.add('container_spec_cpu_quota', labels, Number(cpu_quota), atMs);
  out.add('container_spec_cpu_shares', labels, Number(cpu_shares ?? 0) || undefined, atMs);
  out.add('container_spec_memory_limit_bytes', labels, Number(memory_limit_in_bytes ?? 0), atMs);
}
