// What is said of a resize: its two conditions and its events. Upstream: pkg/kubelet/events/resize.go,
// pkg/kubelet/status/status_manager.go.
import type { Container } from '../../api/core/pod/container.ts';
import type { PodCondition } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { containersOf, initContainersOf } from '../pods/pod-text.ts';
import type { ResizeRefusal } from './resize-admission.ts';

export const resizeConditionTypes = ['PodResizePending', 'PodResizeInProgress'] as const;

/** What is up with a pod's resize. */
export interface ResizeState {
  /** It cannot be granted. */
  pending?: (ResizeRefusal & { generation: number }) | undefined;
  /** It is granted, and not yet in force. */
  inProgress?: { generation: number; error?: string | undefined } | undefined;
}

/** The conditions that say so; `known` are those of before. */
export function resizeConditions(
  { pending, inProgress }: ResizeState,
  known: readonly PodCondition[],
  nowMs: number,
): PodCondition[] {
  const condition = (
    type: (typeof resizeConditionTypes)[number],
    of: { generation: number; reason?: string | undefined; message?: string | undefined },
  ): PodCondition => ({
    type,
    observedGeneration: of.generation,
    status: 'True',
    lastProbeTime: null as unknown as string,
    lastTransitionTime: known.find((c) => c.type === type)?.lastTransitionTime ?? timestamp(nowMs),
    ...(of.reason ? { reason: of.reason } : {}),
    ...(of.message ? { message: of.message } : {}),
  });
  const { generation = 0, error } = inProgress ?? {};
  return [
    ...(pending ? [condition('PodResizePending', pending)] : []),
    ...(inProgress ? [condition('PodResizeInProgress', { generation, reason: error && 'Error', message: error })] : []),
  ];
}

/** What the conditions say, to begin with after a restart. */
export function resizeStateOf(known: readonly PodCondition[]): ResizeState {
  const pending = known.find((c) => c.type === 'PodResizePending');
  const inProgress = known.find((c) => c.type === 'PodResizeInProgress');
  return {
    pending: pending && {
      reason: pending.reason === 'Infeasible' ? 'Infeasible' : 'Deferred',
      message: pending.message ?? '',
      generation: pending.observedGeneration ?? 0,
    },
    inProgress: inProgress && {
      generation: inProgress.observedGeneration ?? 0,
      error: inProgress.message || undefined,
    },
  };
}

/** `Pod resize started: {"containers":[...],"generation":2}` */
export function resizeMessage(what: string, pod: Pod, { generation, error }: { generation: number; error?: string }) {
  const list = (containers: readonly Container[]) =>
    containers.map(({ name, resources }) => ({
      name,
      resources: {
        ...(resources?.limits ? { limits: sorted(resources.limits) } : {}),
        ...(resources?.requests ? { requests: sorted(resources.requests) } : {}),
      },
    }));
  const init = initContainersOf(pod);
  const summary = {
    ...(init.length > 0 ? { initContainers: list(init) } : {}),
    containers: list(containersOf(pod)),
    generation,
    ...(error === undefined ? {} : { error }),
  };
  return `Pod resize ${what}: ${JSON.stringify(summary)}`;
}

const sorted = (amounts: Record<string, string>) =>
  Object.fromEntries(Object.entries(amounts).sort(([a], [b]) => (a < b ? -1 : 1)));
