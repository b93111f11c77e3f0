// What is left when a pod has ended: its volumes and group go at once, its containers and logs only
// with the pod itself. Also for pods whose objects were deleted while no kubelet ran. Upstream:
// SyncTerminatedPod, HandlePodCleanups.
import type { Pod } from '../../api/core/pod.ts';
import { podLogDir, removeLogFolder, removePodLogs } from '../logs/pod-log-folders.ts';
import { type PodVolumes, removePodFolders } from '../volumes/pod-volumes.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { PodRuntime } from './pod-runtime.ts';
import { uidOf } from './pod-text.ts';
import { runningContainers } from './runtime-state.ts';

// Nothing is known of it any more, and a successor may run already.
const orphanGraceSeconds = '1';

interface EndedPod {
  runtime: PodRuntime;
  volumes: PodVolumes;
  isDeleted: boolean;
}

/** Idempotent. */
export async function endPod(deps: KubeletDeps, pod: Pod, { runtime, volumes, isDeleted }: EndedPod): Promise<void> {
  const uid = uidOf(pod);
  if (isDeleted) {
    await runtime.removeAll();
    await removeLogFolder(podLogDir(deps.settings.podLogsDir, pod));
  }
  await volumes.tearDown();
  freePod(deps, uid);
}

function freePod(deps: KubeletDeps, uid: string): void {
  deps.tokens.forget(uid);
  deps.objects.release(uid);
  deps.images.forget(uid);
  deps.probes.forgetPod(uid);
  if (!deps.cgroups.remove(uid)) throw new Error(`processes are left in the control group of pod ${uid}`);
}

/** Ends what the runtime still has of a pod that is gone from the API server. */
export async function removeOrphan(deps: KubeletDeps, uid: string, sandboxIds: readonly string[]): Promise<void> {
  const runtime = new PodRuntime(deps.cri, uid, sandboxIds);
  await runtime.refresh();
  const stops = runningContainers(runtime.state).map(({ id }) =>
    deps.cri.runtime.StopContainer({ container_id: id, timeout: orphanGraceSeconds }),
  );
  await Promise.all(stops);
  await runtime.removeAll();
  await removePodLogs(deps.settings.podLogsDir, uid);
  await removePodFolders(deps.volumes, uid);
  freePod(deps, uid);
}
