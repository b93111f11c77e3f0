// The status of a pod as a whole: phase, conditions, addresses, containers. Pure, so that it can be
// checked against recorded lifecycles. Upstream: generateAPIPodStatus in kubelet_pods.go.

import { buildDisruptionTarget } from '../../api/core/pod/disruption-target.ts';
import type { PodCondition, PodStatus } from '../../api/core/pod/pod-status.ts';
import { qosClassOf } from '../../api/core/pod/qos.ts';
import { podLimits, podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { isTrue } from '../../machinery/conditions.ts';
import { containersForAll } from '../pods/plan.ts';
import { containersOf, initContainersOf, isHostNetwork } from '../pods/pod-text.ts';
import { currentContainer, hasExited, isRunning, latestContainer, readySandbox } from '../pods/runtime-state.ts';
import { type ResizeState, resizeConditions } from '../resize/resize-text.ts';
import { closeStatuses } from './closing.ts';
import { computeConditions } from './conditions.ts';
import { type ContainerStatusInput, computeContainerStatuses } from './container-statuses.ts';
import { computePhase, type PodPhase } from './phase.ts';

export interface PodStatusInput extends Omit<ContainerStatusInput, 'isTerminal' | 'restartsAll'> {
  nodeIp: string;
  nowMs: number;
  /** When the kubelet took the pod on. */
  startTime: string;
  /** Deleted, out of time, or complete: it is being ended. */
  isEnding: boolean;
  /** Everything has been stopped: the final phase may show. */
  isEnded: boolean;
  /** What the node lacked, when that ends the pod: told with its final phase. */
  disruption?: string | undefined;
  /** What is up with the pod's resize. */
  resize?: ResizeState;
  /** Why the kubelet ends the pod, when it is its own decision. */
  verdict?: { reason: string; message: string } | undefined;
}

export function computePodStatus(pod: Pod, input: PodStatusInput): PodStatus {
  const { known, state } = input;
  const restartsAll = containersForAll(pod, state).length > 0 || isTrue(known.conditions, 'AllContainersRestarting');
  const found = computeContainerStatuses(pod, { ...input, restartsAll, isTerminal: input.isEnding });
  const all = [...found.init, ...found.containers];
  const wasInitialized = containersOf(pod).some((c) => {
    const current = currentContainer(state, c.name);
    return current && (isRunning(current) || hasExited(current));
  });
  const reached = choosePhase(
    known,
    input,
    computePhase(pod, { statuses: all, isTerminal: input.isEnding, wasInitialized }),
  );
  const conditions = computeConditions(pod, {
    phase: reached,
    statuses: all,
    sandboxReady: readySandbox(input.state) !== undefined,
    restartsAll:
      restartsAll && [...initContainersOf(pod), ...containersOf(pod)].some((c) => latestContainer(state, c.name)),
    known: known.conditions ?? [],
    nowMs: input.nowMs,
    found: [
      ...(input.isEnded && input.disruption !== undefined ? [describeDisruption(pod, input.disruption, input)] : []),
      ...(isFinal(reached) ? [] : resizeConditions(input.resize ?? {}, known.conditions ?? [], input.nowMs)),
    ],
  });
  // What has ended without having run its course has failed. The conditions say how the containers
  // were found, as upstream's do.
  const statuses = input.isEnded ? closeStatuses(pod, found) : found;
  const phase = input.isEnded && !isFinal(reached) ? 'Failed' : reached;
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions,
    ...(input.verdict ?? pickReason(known)),
    hostIP: input.nodeIp,
    hostIPs: [{ ip: input.nodeIp }],
    ...addressesOf(pod, input),
    startTime: input.startTime,
    ...(statuses.init.length > 0 ? { initContainerStatuses: statuses.init } : {}),
    containerStatuses: statuses.containers,
    ...(statuses.ephemeral.length > 0 ? { ephemeralContainerStatuses: statuses.ephemeral } : {}),
    qosClass: known.qosClass ?? qosClassOf(pod.spec),
    ...describeResources(pod, phase, input),
  };
}

function describeDisruption(pod: Pod, message: string, { known, nowMs }: PodStatusInput): PodCondition {
  const fresh = buildDisruptionTarget(pod, { reason: 'TerminationByKubelet', message, nowMs });
  const before = known.conditions?.find((c) => c.type === fresh.type && c.reason === fresh.reason);
  return { ...fresh, ...(before ? { lastTransitionTime: before.lastTransitionTime } : {}) } as unknown as PodCondition;
}

const isFinal = (phase: string | undefined) => phase === 'Succeeded' || phase === 'Failed';

// A phase never goes back from its end, and the end only shows when nothing of the pod runs any more.
function choosePhase(known: PodStatus, input: PodStatusInput, computed: PodPhase): PodPhase {
  if (isFinal(known.phase)) return known.phase as PodPhase;
  if (input.isEnded && input.verdict) return 'Failed';
  if (!isFinal(computed) || input.isEnded) return computed;
  return known.phase === 'Running' ? 'Running' : 'Pending';
}

const pickReason = ({ reason, message }: PodStatus) => ({
  ...(reason ? { reason } : {}),
  ...(message ? { message } : {}),
});

function addressesOf(pod: Pod, { state, known, nodeIp }: PodStatusInput): Pick<PodStatus, 'podIP' | 'podIPs'> {
  const sandbox = readySandbox(state);
  const ip = !sandbox ? undefined : isHostNetwork(pod) ? nodeIp : sandbox.network?.ip;
  if (ip) return { podIP: ip, podIPs: [{ ip }] };
  // A pod that has ended keeps showing where it was.
  return known.podIP ? { podIP: known.podIP, podIPs: known.podIPs ?? [{ ip: known.podIP }] } : {};
}

/** What is set aside for the pod as a whole, while it has anything set aside; it has what it had until a resize is through. */
function describeResources(
  pod: Pod,
  phase: PodPhase,
  { known, resize }: PodStatusInput,
): Pick<PodStatus, 'allocatedResources' | 'resources'> {
  if (phase !== 'Running') return {};
  const [requests, limits] = [podRequests(pod.spec), podLimits(pod.spec)];
  const has = (resources: object) => Object.keys(resources).length > 0;
  if (!has(requests) && !has(limits)) return {};
  return {
    ...(has(requests) ? { allocatedResources: requests } : {}),
    resources: (resize?.inProgress && known.resources) || {
      ...(has(limits) ? { limits } : {}),
      ...(has(requests) ? { requests } : {}),
    },
  };
}
