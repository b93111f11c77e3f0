// The phase of a pod, from the states of its containers. Upstream: getPhase in kubelet_pods.go.

import type { Container } from '../../api/core/pod/container.ts';
import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { containersOf, initContainersOf, shouldRestart } from '../pods/pod-text.ts';
import { restartingAll } from './container-statuses.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  statuses: readonly ContainerStatus[];
  /** The pod is being ended or has ended: what has stopped stays stopped, whatever the restart policy. */
  isTerminal: boolean;
  /** Its init phase was once over. */
  wasInitialized: boolean;
}

export function computePhase(pod: Pod, { statuses, isTerminal, wasInitialized }: PhaseInput): PodPhase {
  const byName = new Map(statuses.map((s) => [s.name, s]));
  const init = countInit(pod, byName);
  if (init.failed > 0) return 'Failed';
  const sidecars = countSidecars(pod, byName);
  const counts = countContainers(pod, byName);
  if (init.pending > 0 || (sidecars.pending > 0 && !wasInitialized)) return 'Pending';
  if (sidecars.waiting + counts.waiting > 0) return 'Pending';
  if (sidecars.running + counts.running > 0) return 'Running';
  if (counts.stopped === 0) return 'Pending';
  if (!isTerminal && counts.restarting > 0) return 'Running';
  return counts.stopped === counts.succeeded ? 'Succeeded' : 'Failed';
}

const restarts = (pod: Pod, container: Container, { exitCode, reason }: { exitCode: number; reason?: string }) =>
  reason === restartingAll || shouldRestart(pod, container, exitCode);

function countInit(pod: Pod, byName: Map<string, ContainerStatus>) {
  const out = { pending: 0, failed: 0 };
  for (const container of initContainersOf(pod).filter((c) => !isSidecar(c))) {
    const status = byName.get(container.name);
    const ended = status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined);
    if (ended?.exitCode === 0 || ended?.reason === restartingAll) continue;
    if (!ended || shouldRestart(pod, container, ended.exitCode)) out.pending++;
    else out.failed++;
  }
  return out;
}

function countSidecars(pod: Pod, byName: Map<string, ContainerStatus>) {
  const out = { running: 0, waiting: 0, pending: 0 };
  for (const container of initContainersOf(pod).filter(isSidecar)) {
    const status = byName.get(container.name);
    if (!status?.state) out.waiting++;
    else if (status.state.running) {
      out.running++;
      if (!status.started) out.pending++;
    } else if (status.state.waiting && !status.lastState?.terminated) {
      out.waiting++;
      out.pending++;
    }
    // An ended sidecar says nothing about the phase: it is restarted, or the pod is over.
  }
  return out;
}

/** Those that wait have not begun, or nobody knows; of those stopped some are started again. */
function countContainers(pod: Pod, byName: Map<string, ContainerStatus>) {
  const out = { running: 0, waiting: 0, stopped: 0, restarting: 0, succeeded: 0 };
  for (const container of containersOf(pod)) {
    const status = byName.get(container.name);
    const { state, lastState } = status ?? {};
    const ended = state?.terminated ?? (state?.waiting ? lastState?.terminated : undefined);
    if (state?.running) out.running++;
    else if (ended) {
      out.stopped++;
      if (state?.terminated?.exitCode === 0) out.succeeded++;
      if (restarts(pod, container, ended)) out.restarting++;
    } else out.waiting++;
  }
  return out;
}
