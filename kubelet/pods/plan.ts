// Decides what to do next for a pod, from its spec and what the runtime has: which containers to
// start, which to stop, whether the sandbox must be made anew, whether the pod has come to its end.
// Pure. Upstream: computePodActions of the kuberuntime manager.
//
//   no sandbox ──> create it ──> ephemeral ──> init, one after the other (sidecars stay) ──> containers ──> all ended for good: complete
//       ^                                                                                        │
//       └──────────────── the sandbox ended while the pod still has to run ──────────────────────┘

import type { Container } from '../../api/core/pod/container.ts';
import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import { hashContainer } from './container-hash.ts';
import { actionOn, containersOf, ephemeralContainersOf, initContainersOf, shouldRestart } from './pod-text.ts';
import {
  currentContainer,
  hasExited,
  isLost,
  isRunning,
  latestContainer,
  type RuntimeState,
  readySandbox,
  runtimeAnnotations,
} from './runtime-state.ts';

export interface ContainerStop {
  id: string;
  name: string;
  /** The message of the Killing event. */
  message: string;
  reason: 'LivenessProbe' | 'StartupProbe' | 'Changed' | 'Unknown';
}

export interface PodPlan {
  createSandbox: boolean;
  /** All containers are to end, and the pod to begin anew in its sandbox. */
  restartAll: boolean;
  /** Names of containers to start, in order. */
  start: string[];
  stop: ContainerStop[];
  /** Nothing will run any more, except what has to be stopped now. */
  complete: boolean;
}

export interface PlanInput {
  pod: Pod;
  state: RuntimeState;
  /** Whether the running container has passed its startup probe (or has none). */
  hasStarted(container: ContainerStatus): boolean;
  /** The probe that has given the container up, if any. */
  failedProbe(containerId: string): 'LivenessProbe' | 'StartupProbe' | undefined;
  /** Whether the container has to be made anew to have what the pod has been given. */
  needsResizeRestart?(containerId: string): boolean;
}

const nothing: PodPlan = { createSandbox: false, restartAll: false, start: [], stop: [], complete: false };

export function planPod(input: PlanInput): PodPlan {
  const { pod, state } = input;
  const complete = isComplete(pod, state);
  if (complete) return { ...nothing, complete };
  if (containersForAll(pod, state).length > 0) return { ...nothing, restartAll: true };
  if (!readySandbox(state)) return { ...nothing, createSandbox: true };
  const stop = planStops(input);
  const start = ephemeralContainersOf(pod)
    .filter((c) => !latestContainer(state, c.name))
    .map((c) => c.name);
  const init = planInit(input);
  start.push(...init.start);
  if (init.done)
    start.push(
      ...containersOf(pod)
        .filter((c) => isToStart(pod, state, c))
        .map((c) => c.name),
    );
  return { ...nothing, start: start.filter((name) => !stop.some((s) => s.name === name)), stop };
}

/**
 * Whether the pod has run its course: every container has ended and none is started again, or an
 * init container failed for good.
 */
export function isComplete(pod: Pod, state: RuntimeState): boolean {
  const isOver = (c: Container, found: ContainerStatus | undefined) =>
    found !== undefined && hasExited(found) && !isRestarted(pod, state, { spec: c, ended: found });
  if (!isInitialized(pod, state)) {
    const hasFailed = initContainersOf(pod).some((c) => {
      const found = currentContainer(state, c.name);
      if (!found || isSidecar(c)) return false;
      return isLost(found) ? pod.spec.restartPolicy === 'Never' : isOver(c, found) && found.exit_code !== 0;
    });
    if (hasFailed) return true;
  }
  return containersOf(pod).every((c) => isOver(c, latestContainer(state, c.name)));
}

/** Those that ended with an exit code after which all begin anew. KEP-5532. */
export const containersForAll = (pod: Pod, state: RuntimeState): ContainerStatus[] =>
  [...initContainersOf(pod), ...containersOf(pod)].flatMap((c) => {
    const latest = latestContainer(state, c.name);
    const wants = latest && hasExited(latest) && actionOn(c, latest.exit_code) === 'RestartAllContainers';
    return wants ? [latest] : [];
  });

/**
 * Once one of the containers proper exists, the init phase is over, whatever becomes of the records
 * of init containers. A new sandbox begins with it again: what init containers did in the network
 * of the one before is gone.
 */
const isInitialized = (pod: Pod, state: RuntimeState) => containersOf(pod).some((c) => currentContainer(state, c.name));

/** Whether another takes the place of a container that has ended. */
export function isRestarted(pod: Pod, state: RuntimeState, of: { spec: Container; ended: ContainerStatus }): boolean {
  return state.replaced.has(of.ended.id) || shouldRestart(pod, of.spec, of.ended.exit_code);
}

function isToStart(pod: Pod, state: RuntimeState, container: Container): boolean {
  const latest = latestContainer(state, container.name);
  if (!latest) return true;
  if (isRunning(latest)) return false;
  // Created and never started, or of a sandbox that is gone: the start was cut off.
  if (!hasExited(latest)) return true;
  return isRestarted(pod, state, { spec: container, ended: latest });
}

function planInit({ pod, state, hasStarted }: PlanInput): { start: string[]; done: boolean } {
  const over = isInitialized(pod, state);
  const start: string[] = [];
  for (const container of initContainersOf(pod)) {
    const latest = currentContainer(state, container.name);
    // Once those after it have begun it had its turn, even where nothing tells of it any more.
    const isPast = over || hasLaterBegun(pod, state, container);
    if (isSidecar(container)) {
      const runs = latest !== undefined && isRunning(latest);
      if (!runs) start.push(container.name);
      if (!isPast && !(runs && hasStarted(latest))) return { start, done: false };
      continue;
    }
    if (isPast || (latest && hasExited(latest) && latest.exit_code === 0)) continue;
    if (!latest || !isRunning(latest)) start.push(container.name);
    return { start, done: false };
  }
  return { start, done: true };
}

function hasLaterBegun(pod: Pod, state: RuntimeState, container: Container): boolean {
  const all = initContainersOf(pod);
  return all.slice(all.indexOf(container) + 1).some((c) => currentContainer(state, c.name));
}

function planStops({ pod, state, failedProbe, needsResizeRestart }: PlanInput): ContainerStop[] {
  const stops: ContainerStop[] = [];
  const isInit = (c: Container) => initContainersOf(pod).includes(c);
  for (const container of [...initContainersOf(pod), ...containersOf(pod)]) {
    const latest = latestContainer(state, container.name);
    if (!latest) continue;
    const { id } = latest;
    const { name } = container;
    if (isLost(latest) && !state.replaced.has(id)) {
      const kind = isInit(container) ? 'Init container' : 'Container';
      const message = `${kind} is in "unknown" state, try killing it before restart`;
      stops.push({ id, name, reason: 'Unknown', message });
    }
    if (!isRunning(latest) || (isInit(container) && !isSidecar(container))) continue;
    const probe = failedProbe(id);
    const noted = latest.annotations[runtimeAnnotations.hash];
    const who = `${isSidecar(container) ? 'Init container' : 'Container'} ${name}`;
    // Of a sidecar that goes without saying.
    const again = isSidecar(container) ? '' : ', will be restarted';
    if (noted !== undefined && noted !== hashContainer(container)) {
      stops.push({ id, name, reason: 'Changed', message: `${who} definition changed${again}` });
    } else if (probe) {
      const kind = probe === 'LivenessProbe' ? 'liveness' : 'startup';
      const isFinal = (container.restartPolicy ?? pod.spec.restartPolicy) === 'Never';
      stops.push({ id, name, reason: probe, message: `${who} failed ${kind} probe${isFinal ? '' : again}` });
    } else if (needsResizeRestart?.(id)) {
      stops.push({ id, name, reason: 'Changed', message: `Container ${name} resize requires restart` });
    }
  }
  return stops;
}
