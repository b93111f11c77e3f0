// Evicts pods that have taken more of the disk than they may. Nobody tells of a disk that is
// written to, so those with a limit are measured every ten seconds, as upstream does; where that
// takes long, less often.
import { join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import { measureFolder } from '../../host/folder-size.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { podLogDir } from '../logs/pod-log-folders.ts';
import type { KubeletMetrics } from '../metrics.ts';
import { allContainersOf } from '../pods/pod-text.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { isCritical } from './ranking.ts';
import { diskVolumesOf, judgeStorage, limitOfPod, limitOfVolume, type StorageUse } from './storage-limits.ts';

export interface StorageWatchDeps {
  cri: CriClient;
  clock: Clock;
  log: Logger;
  metrics: KubeletMetrics;
  podLogsDir: string;
  workers(): readonly PodWorker[];
}

const periodMs = 10_000;
/** At most so much of the time is spent on measuring. */
const busyShare = 0.1;

export function startStorageWatch(deps: StorageWatchDeps): void {
  const { clock } = deps;
  const look = async () => {
    const beganMs = clock.monotonicMs();
    for (const worker of deps.workers()) await judge(deps, worker);
    clock.after(Math.max(periodMs, (clock.monotonicMs() - beganMs) / busyShare), () => void look());
  };
  clock.after(periodMs, () => void look());
}

async function judge(deps: StorageWatchDeps, worker: PodWorker): Promise<void> {
  const { pod } = worker;
  const isLimited = limitOfPod(pod) !== undefined || diskVolumesOf(pod).some((v) => limitOfVolume(v) > 0);
  if (!isLimited || !worker.isActive) return;
  try {
    const verdict = judgeStorage(pod, await measure(deps, worker));
    if (!verdict) return;
    const { name, namespace } = pod.metadata;
    if (isCritical(pod)) {
      deps.log.error({ name, namespace, verdict }, 'cannot evict a critical pod');
    } else if (worker.evict(verdict.message)) deps.metrics.countEviction(verdict.signal);
  } catch (err) {
    deps.log.warn({ err, pod: pod.metadata.name }, 'the storage of a pod could not be measured');
  }
}

async function measure(deps: StorageWatchDeps, worker: PodWorker): Promise<StorageUse> {
  const { pod } = worker;
  const isWhole = limitOfPod(pod) !== undefined;
  const volumes = new Map<string, number>();
  for (const volume of diskVolumesOf(pod)) {
    const path = worker.volumes.ready.get(volume.name)?.path;
    const limit = limitOfVolume(volume);
    if (path && (isWhole || limit > 0))
      volumes.set(volume.name, (await measureFolder(path, limit > 0 ? limit : undefined)).bytes);
  }
  return { volumes, containers: isWhole ? await measureContainers(deps, pod, worker.sandboxId) : new Map() };
}

async function measureContainers(
  { cri, podLogsDir }: StorageWatchDeps,
  pod: Pod,
  sandboxId: string | undefined,
): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  for (const { name } of allContainersOf(pod))
    out.set(name, (await measureFolder(join(podLogDir(podLogsDir, pod), name))).bytes);
  if (sandboxId === undefined) return out;
  const { stats } = await cri.runtime.PodSandboxStats({ pod_sandbox_id: sandboxId });
  for (const { attributes, writable_layer } of stats?.linux?.containers ?? []) {
    const name = attributes?.metadata?.name ?? '';
    out.set(name, (out.get(name) ?? 0) + Number(writable_layer?.used_bytes?.value ?? 0));
  }
  return out;
}
