// The statuses of a pod's containers, from what the runtime has. A container that waits for its
// next start says why; what it was before stands in lastState. Upstream:
// convertToAPIContainerStatuses in kubelet_pods.go.

import type { Container } from '../../api/core/pod/container.ts';
import type { ContainerState, ContainerStatus, VolumeMountStatus } from '../../api/core/pod/container-status.ts';
import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import type { ResourceRequirements } from '../../api/core/pod/resources.ts';
import type { Pod } from '../../api/core/pod.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { ContainerStatus as RuntimeContainer } from '../../proto/cri.gen.ts';
import { isRestarted } from '../pods/plan.ts';
import {
  allContainersOf,
  containersOf,
  ephemeralContainersOf,
  initContainersOf,
  isInitOnly,
  shouldRestart,
  statusOf,
} from '../pods/pod-text.ts';
import {
  containersNamed,
  hasExited,
  isRunning,
  latestContainer,
  millisOf,
  nameOf,
  type RuntimeState,
  restartCountOf,
} from '../pods/runtime-state.ts';

/** Why a container could not be started, or has to wait before it is. */
export interface StartProblem {
  reason: string;
  message: string;
}

export interface ContainerStatusInput {
  state: RuntimeState;
  /** The status as last written or read. */
  known: PodStatus;
  /** All containers end to begin anew. */
  restartsAll: boolean;
  /** `k8ts`: what container ids are prefixed with. */
  runtimeName: string;
  problemOf(name: string): StartProblem | undefined;
  /** What the container left behind when it ended. */
  terminationMessageOf(container: RuntimeContainer): string;
  hasStarted(container: RuntimeContainer): boolean;
  /** What a running container has, where that is not yet what it has been given. */
  resourcesInForce?(container: RuntimeContainer): ResourceRequirements | undefined;
  /** The verdict of the readiness probe; true without one. */
  isReady(container: RuntimeContainer): boolean;
  /** The container that is just being started: it does not count as running before its postStart hook is through. */
  startingId: string | undefined;
  /** The pod is being ended: nothing waits for a restart any more. */
  isTerminal: boolean;
}

export type PodContainerStatuses = ReturnType<typeof computeContainerStatuses>;

/** Bytes of all messages of ended containers together, as many for each. */
const maxMessageBytes = 12 << 10;
/** Of all that wait: what went wrong may be told in words of the container, as many as it likes. */
const maxProblemBytes = 256 << 10;

export function computeContainerStatuses(pod: Pod, given: ContainerStatusInput) {
  const cut = (text: string, bytesOfAll: number) =>
    Buffer.from(text)
      .subarray(0, Math.trunc(bytesOfAll / allContainersOf(pod).length))
      .toString();
  const input: ContainerStatusInput = {
    ...given,
    terminationMessageOf: (c) =>
      cut([c.message, given.terminationMessageOf(c)].filter(Boolean).join(': '), maxMessageBytes),
    problemOf: (name) => {
      const problem = given.problemOf(name);
      return problem && { ...problem, message: cut(problem.message, maxProblemBytes) };
    },
  };
  const waitingReason = initContainersOf(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const of = (container: Container, reason: string) => computeOne(pod, container, { ...input, waitingReason: reason });
  const byName = (a: ContainerStatus, b: ContainerStatus) => (a.name < b.name ? -1 : 1);
  return {
    init: initContainersOf(pod).map((c) => of(c, waitingReason)),
    containers: containersOf(pod)
      .map((c) => of(c, waitingReason))
      .sort(byName),
    ephemeral: ephemeralContainersOf(pod)
      .map((c): ContainerStatus => {
        const { started: _, ...status } = of(c, 'ContainerCreating');
        return { ...status, ready: false };
      })
      .sort(byName),
  };
}

function computeOne(
  pod: Pod,
  container: Container,
  input: ContainerStatusInput & { waitingReason: string },
): ContainerStatus {
  const { name } = container;
  // How a start ends is said when it has: an end in the midst of it belongs to a start that fails.
  const attempts = containersNamed(input.state, name).filter((c) => c.id !== input.startingId);
  const [latest, previous] = attempts;
  const base: ContainerStatus = {
    name,
    state: { waiting: { reason: input.waitingReason } },
    lastState: {},
    ready: false,
    restartCount: latest ? restartCountOf(latest) : 0,
    image: latest?.image?.image || container.image || '',
    imageID: latest?.image_ref ?? '',
    started: false,
    resources: {},
    ...mountsOf(container),
  };
  const problem = input.problemOf(name);
  if (!latest) {
    const status = describeMissing(pod, container, { base, ...input });
    if (!problem) return status;
    return { ...status, ...(status.state?.terminated ? { lastState: status.state } : {}), state: { waiting: problem } };
  }
  const status: ContainerStatus = {
    ...base,
    containerID: `${input.runtimeName}://${latest.id}`,
    state: stateOf(latest, input),
    lastState: previous && hasExited(previous) ? stateOf(previous, input) : lastStateOf(input.known, latest),
    ...describeRunning(container, latest, input.resourcesInForce?.(latest)),
  };
  if (isRunning(latest)) {
    status.started = input.hasStarted(latest);
    status.ready = status.started && !isInitOnly(pod, name) && input.isReady(latest);
  } else if (hasExited(latest)) {
    const restarts = !input.isTerminal && isRestarted(pod, input.state, { spec: container, ended: latest });
    if (restarts && problem) return { ...status, lastState: status.state!, state: { waiting: problem } };
    // What the restart policy would not start again may not come back from an end that the API has seen.
    if (restarts && !shouldRestart(pod, container, latest.exit_code))
      return { ...status, lastState: status.state!, state: base.state! };
    if (isInitOnly(pod, name)) status.ready = latest.exit_code === 0;
  }
  return status;
}

/** What is said of a container that the runtime has no record of: what was said last, or what became of that. */
function describeMissing(
  pod: Pod,
  { name }: Container,
  { base, known, state, restartsAll }: ContainerStatusInput & { base: ContainerStatus },
): ContainerStatus {
  const last = statusOf(known, name);
  if (restartsAll && last && !last.state?.waiting) {
    const waiting = {
      reason: restartingAll,
      message: 'The container is removed because RestartAllContainers in place',
    };
    const lastState = { terminated: { ...endedSometime, ...waiting, exitCode: 137 } };
    return { ...base, restartCount: last.restartCount + 1, state: { waiting }, lastState };
  }
  if (last?.state?.terminated) return last;
  if (isInitOnly(pod, name) && containersOf(pod).some((c) => latestContainer(state, c.name))) {
    const message =
      'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally';
    const terminated = { ...endedSometime, reason: 'Completed', message, exitCode: 0 };
    return { ...base, ready: true, state: { terminated } };
  }
  if (!last) return base;
  const { restartCount, lastState = {} } = last;
  if (!last.state?.running) return { ...base, restartCount, lastState };
  const message = 'The container could not be located when the pod was deleted.  The container used to be Running';
  return {
    ...base,
    restartCount: pod.metadata.deletionTimestamp ? restartCount : restartCount + 1,
    lastState: lastState.terminated ? lastState : { terminated: { ...lostContainer.terminated!, message } },
  };
}

function mountsOf(container: Container): { volumeMounts?: VolumeMountStatus[] } {
  const mounts = container.volumeMounts ?? [];
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly, recursiveReadOnly }) => ({
      name,
      mountPath,
      ...(readOnly ? { readOnly, recursiveReadOnly: recursiveReadOnly === 'Enabled' ? 'Enabled' : 'Disabled' } : {}),
    })),
  };
}

/** Resources in force and the user, known once the container exists. */
function describeRunning(
  container: Container,
  latest: RuntimeContainer,
  inForce: ResourceRequirements | undefined,
): Partial<ContainerStatus> {
  if (hasExited(latest)) return {};
  const { requests, limits } = inForce ?? container.resources ?? {};
  const allocatedResources = container.resources?.requests;
  const user = latest.user?.linux;
  const linux = user && {
    uid: Number(user.uid),
    gid: Number(user.gid),
    supplementalGroups: user.supplemental_groups.map(Number),
  };
  return {
    ...(allocatedResources ? { allocatedResources } : {}),
    ...(requests || limits ? { resources: { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) } } : {}),
    ...(linux ? { user: { linux } } : {}),
  };
}

/** How a container ended before this one whose record is gone. */
function lastStateOf(known: PodStatus, latest: RuntimeContainer): ContainerState {
  const { containerID, state, lastState = {} } = statusOf(known, nameOf(latest)) ?? {};
  return state?.terminated && !containerID?.endsWith(latest.id) ? state : lastState;
}

/** Why containers are away that end because all begin anew. */
export const restartingAll = 'RestartingAllContainers';

/** Nobody knows when. */
const endedSometime = { startedAt: null as unknown as string, finishedAt: null as unknown as string };

/** How one ended that nobody saw end. */
export const lostContainer: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
    ...endedSometime,
  },
};

const timeOf = (nanoseconds: string) => timestamp(Math.max(0, millisOf(nanoseconds)));

function stateOf(c: RuntimeContainer, input: ContainerStatusInput): ContainerState {
  if (isRunning(c)) return { running: { startedAt: timeOf(c.started_at) } };
  if (hasExited(c)) {
    const message = input.terminationMessageOf(c);
    return {
      terminated: {
        exitCode: c.exit_code,
        ...(c.reason ? { reason: c.reason } : {}),
        ...(message ? { message } : {}),
        startedAt: timeOf(c.started_at),
        finishedAt: timeOf(c.finished_at),
        containerID: `${input.runtimeName}://${c.id}`,
      },
    };
  }
  if (c.state === 'CONTAINER_UNKNOWN') return lostContainer;
  return { waiting: { reason: 'ContainerCreating' } };
}
