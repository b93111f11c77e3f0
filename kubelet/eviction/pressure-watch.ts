// Looks every ten seconds at what the node has left: tells its conditions, removes what nobody uses, and where that is
// not enough evicts one pod at a time. Nothing tells of what becomes scarce. Upstream: eviction_manager.go.
import { join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import type { EventRecorder } from '../../client/events.ts';
import { measureFolder } from '../../host/folder-size.ts';
import type { Clock } from '../../machinery/clock.ts';
import { parseGoDuration } from '../../machinery/duration.ts';
import type { Logger } from '../../machinery/log.ts';
import type { PodSandboxStats } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { podLogDir } from '../logs/pod-log-folders.ts';
import type { KubeletMetrics } from '../metrics.ts';
import { allContainersOf, uidOf } from '../pods/pod-text.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { runningContainers } from '../pods/runtime-state.ts';
import { Pressure } from './pressure.ts';
import { evictionMessage, isCritical, type PodUse, rankPods } from './ranking.ts';
import { diskVolumesOf } from './storage-limits.ts';
import {
  type EvictionSettings,
  type Observations,
  type PressureCondition,
  parseThresholds,
  type StarvedResource,
  signals,
  type Threshold,
} from './thresholds.ts';

export interface PressureWatchDeps {
  settings: EvictionSettings;
  read(): Observations;
  cri: CriClient;
  clock: Clock;
  log: Logger;
  events: EventRecorder;
  metrics: KubeletMetrics;
  /** Of whom events are. */
  node(): { metadata: { name?: string; uid?: string } };
  podLogsDir: string;
  workers(): readonly PodWorker[];
  /** Removes ended containers and images that nobody uses. */
  reclaimDisk(): Promise<void>;
}

const periodMs = 10_000;
/** How long a pod that is being evicted is waited for before the next one. Upstream: podCleanupTimeout. */
const patienceMs = 30_000;
const hardGraceSeconds = 1;

export class PressureWatch {
  readonly #deps: PressureWatchDeps;
  readonly #pressure: Pressure;
  #evicted: { worker: PodWorker; atMs: number } | undefined;

  /** Throws for settings that are none. */
  constructor(deps: PressureWatchDeps) {
    this.#deps = deps;
    const { settings } = deps;
    this.#pressure = new Pressure(
      parseThresholds(settings),
      parseGoDuration(settings.evictionPressureTransitionPeriod),
    );
    this.#observe();
  }

  get conditions(): readonly PressureCondition[] {
    return this.#pressure.conditions;
  }

  start(): void {
    const { clock, log } = this.#deps;
    const look = () => {
      this.#sync()
        .catch((err) => log.warn({ err }, 'what the node has left could not be looked after'))
        .finally(() => clock.after(periodMs, look));
    };
    clock.after(periodMs, look);
  }

  #observe(): { found: Observations; due: readonly Threshold[] } {
    const found = this.#deps.read();
    return { found, due: this.#pressure.observe(found, this.#deps.clock.monotonicMs()) };
  }

  async #sync(): Promise<void> {
    const { found, due } = this.#observe();
    const [threshold] = due;
    if (!threshold || this.#isWaiting()) return;
    const { resource } = signals[threshold.signal];
    const { metadata } = this.#deps.node();
    const target = { kind: 'Node', apiVersion: 'v1', object: { metadata } };
    this.#deps.events.event(target, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (signals[threshold.signal].condition === 'DiskPressure') {
      await this.#deps.reclaimDisk();
      if (!this.#pressure.isShort(this.#deps.read())) return;
    }
    await this.#evictOne(threshold, { resource, due, found });
  }

  #isWaiting(): boolean {
    if (!this.#evicted) return false;
    const { worker, atMs } = this.#evicted;
    if (worker.isTakingResources && this.#deps.clock.monotonicMs() - atMs < patienceMs) return true;
    this.#evicted = undefined;
    return false;
  }

  async #evictOne(
    threshold: Threshold,
    why: { resource: StarvedResource; due: readonly Threshold[]; found: Observations },
  ): Promise<void> {
    const { workers, metrics, clock, settings, log } = this.#deps;
    const graceSeconds = threshold.graceMs === 0 ? hardGraceSeconds : Math.max(1, settings.evictionMaxPodGracePeriod);
    // To end what does not run frees nothing.
    const running = workers().filter(
      (worker) => worker.isActive && !isCritical(worker.pod) && runningContainers(worker.runtime.state).length > 0,
    );
    const candidates = await this.#measure(running, why.resource);
    for (const { worker, pod, use } of rankPods(candidates, why.resource)) {
      const message = evictionMessage(pod, use, why);
      if (!worker.evict(message, { graceSeconds, isDisruption: true })) continue;
      log.warn({ pod: pod.metadata.name, namespace: pod.metadata.namespace, signal: threshold.signal }, 'pod evicted');
      metrics.countEviction(threshold.signal);
      this.#evicted = { worker, atMs: clock.monotonicMs() };
      return;
    }
    log.warn({ signal: threshold.signal }, 'the node is short of something, and no pod can be evicted');
  }

  async #measure(workers: readonly PodWorker[], resource: StarvedResource) {
    const { stats } = await this.#deps.cri.runtime.ListPodSandboxStats({});
    const byUid = new Map(stats.map((one) => [one.attributes?.metadata?.uid ?? '', one]));
    const withDisk = resource === 'ephemeral-storage' || resource === 'inodes';
    const out: { worker: PodWorker; pod: Pod; use: PodUse | undefined }[] = [];
    for (const worker of workers) {
      const found = byUid.get(uidOf(worker.pod));
      const use = found && (withDisk ? await this.#withDisk(worker, found) : useOf(found));
      out.push({ worker, pod: worker.pod, use });
    }
    return out;
  }

  async #withDisk(worker: PodWorker, stats: PodSandboxStats): Promise<PodUse> {
    const use = useOf(stats);
    const total = { bytes: 0, inodes: 0 };
    const add = (more: { bytes: number; inodes: number }) => {
      total.bytes += more.bytes;
      total.inodes += more.inodes;
    };
    const containers = [];
    for (const { name } of allContainersOf(worker.pod)) {
      const logs = await measureFolder(join(podLogDir(this.#deps.podLogsDir, worker.pod), name));
      const layer = stats.linux?.containers.find((c) => c.attributes?.metadata?.name === name)?.writable_layer;
      const bytes = logs.bytes + Number(layer?.used_bytes?.value ?? 0);
      add({ bytes, inodes: logs.inodes + Number(layer?.inodes_used?.value ?? 0) });
      const { memory = 0 } = use.containers.find((c) => c.name === name) ?? {};
      containers.push({ name, memory, 'ephemeral-storage': bytes });
    }
    for (const { name } of diskVolumesOf(worker.pod)) {
      const path = worker.volumes.ready.get(name)?.path;
      if (path) add(await measureFolder(path));
    }
    return { ...use, 'ephemeral-storage': total.bytes, inodes: total.inodes, containers };
  }
}

function useOf({ linux }: PodSandboxStats): PodUse {
  return {
    memory: Number(linux?.memory?.working_set_bytes?.value ?? 0),
    pids: Number(linux?.process?.process_count?.value ?? 0),
    containers: (linux?.containers ?? []).map((c) => ({
      name: c.attributes?.metadata?.name ?? '',
      memory: Number(c.memory?.working_set_bytes?.value ?? 0),
    })),
  };
}
