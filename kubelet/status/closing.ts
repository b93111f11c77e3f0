// What a pod's containers are said to be once nothing of it runs any more: one that nobody saw end,
// or that never began, has failed. Upstream: TerminatePod in pkg/kubelet/status/status_manager.go.
import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { initContainersOf } from '../pods/pod-text.ts';
import { lostContainer, type PodContainerStatuses } from './container-statuses.ts';

/**
 * Init containers behind the last that was tried are left as they wait, and the containers proper
 * where their turn never came.
 */
export function closeStatuses(pod: Pod, { init, containers, ephemeral }: PodContainerStatuses): PodContainerStatuses {
  const tried = Math.max(1, 1 + init.findLastIndex((s) => !s.state?.waiting || s.lastState?.terminated));
  return {
    init: init.map((s, i) => (i < tried ? close(s) : s)),
    containers: hasInitialized(pod, { init, containers }) ? containers.map(close) : containers,
    ephemeral,
  };
}

function close(status: ContainerStatus): ContainerStatus {
  return status.state?.terminated ? status : { ...status, state: lostContainer };
}

function hasInitialized(pod: Pod, { init, containers }: Pick<PodContainerStatuses, 'init' | 'containers'>): boolean {
  const last = initContainersOf(pod).at(-1);
  if (!last || containers.some((s) => !s.state?.waiting || s.lastState?.terminated)) return true;
  const { state, lastState, started } = init.at(-1) ?? {};
  if (isSidecar(last)) return state?.running !== undefined && started === true;
  return state?.terminated?.exitCode === 0 || lastState?.terminated?.exitCode === 0;
}
