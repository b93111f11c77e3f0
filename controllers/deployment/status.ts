// What a deployment says about itself: counts, and the conditions Available, Progressing and ReplicaFailure. Pure.
// Upstream: progress.go and the conditions of deployment_util.go.

import type { Deployment, DeploymentCondition } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { removeCondition, setCondition, withoutZeros } from '../status.ts';
import { maxUnavailableOf, replicasOf } from './fence.ts';

export type DeploymentStatus = NonNullable<Deployment['status']>;

const noDeadline = 2 ** 31 - 1;

export function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== noDeadline;
}

export function conditionOf(status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined {
  return status?.conditions?.find((c) => c.type === type);
}

/** A condition as of now. */
export function condition(
  type: 'Available' | 'Progressing' | 'ReplicaFailure',
  status: string,
  { reason, message, nowMs }: { reason: string; message: string; nowMs: number },
): DeploymentCondition {
  const time = timestamp(nowMs);
  return { type, status, lastUpdateTime: time, lastTransitionTime: time, reason, message };
}

const total = (sets: readonly ReplicaSet[], count: (status: NonNullable<ReplicaSet['status']>) => number | undefined) =>
  sets.reduce((n, set) => n + ((set.status && count(set.status)) ?? 0), 0);

/** Counts and availability. */
export function computeStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  options: { newSet: ReplicaSet | undefined; nowMs: number },
): DeploymentStatus {
  const { newSet, nowMs } = options;
  const available = total(sets, (s) => s.availableReplicas);
  const isAvailable = available >= replicasOf(deployment) - maxUnavailableOf(deployment);
  const [known, reason, message] = isAvailable
    ? ['True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.']
    : ['False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'];
  const availability = condition('Available', known!, { reason: reason!, message: message!, nowMs });
  const desired = sets.reduce((n, set) => n + replicasOf(set), 0);
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: total(sets, (s) => s.replicas),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: total(sets, (s) => s.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desired - available),
    terminatingReplicas: total(sets, (s) => s.terminatingReplicas),
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: setCondition(deployment.status?.conditions, availability),
  };
  return withoutZeros(status, ['terminatingReplicas', 'collisionCount']);
}

/** Every pod is of the current template and available, and no old one is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const wanted = replicasOf(deployment);
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, observedGeneration = 0 } = status ?? {};
  return (
    updatedReplicas === wanted &&
    replicas === wanted &&
    availableReplicas === wanted &&
    observedGeneration >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(old: DeploymentStatus | undefined, next: DeploymentStatus): boolean {
  const oldPods = (s: DeploymentStatus | undefined) => (s?.replicas ?? 0) - (s?.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (old?.updatedReplicas ?? 0) ||
    oldPods(next) < oldPods(old) ||
    (next.readyReplicas ?? 0) > (old?.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old?.availableReplicas ?? 0)
  );
}

/**
 * Milliseconds until a roll-out without further progress counts as failed; undefined when it
 * cannot, as while it is paused.
 */
export function deadlineInMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const progressing = conditionOf(status, 'Progressing');
  if (!hasProgressDeadline(deployment) || deployment.spec.paused) return undefined;
  if (!progressing || isComplete(deployment, status)) return undefined;
  if (progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'ProgressDeadlineExceeded') {
    return undefined;
  }
  const sinceMs = Date.parse(progressing.lastUpdateTime ?? '');
  return Math.max(0, sinceMs + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 - nowMs);
}

/** The status during a roll-out: computeStatus and how the roll-out goes. */
export function computeRolloutStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  options: { newSet: ReplicaSet | undefined; nowMs: number },
): DeploymentStatus {
  const { newSet } = options;
  const status = computeStatus(deployment, sets, options);
  let conditions = status.conditions;
  if (hasProgressDeadline(deployment)) conditions = progress(deployment, status, options);
  else conditions = removeCondition(conditions, 'Progressing');
  const failing = (newSet ? [newSet, ...sets] : sets)
    .flatMap((set) => set.status?.conditions ?? [])
    .find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  if (failing) {
    const { reason = '', message = '', lastTransitionTime } = failing;
    const nowMs = lastTransitionTime ? Date.parse(lastTransitionTime) : options.nowMs;
    conditions = setCondition(conditions, condition('ReplicaFailure', 'True', { reason, message, nowMs }));
  } else {
    conditions = removeCondition(conditions, 'ReplicaFailure');
  }
  return { ...status, conditions };
}

function progress(
  deployment: Deployment,
  status: DeploymentStatus,
  { newSet, nowMs }: { newSet: ReplicaSet | undefined; nowMs: number },
): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  const current = conditionOf(status, 'Progressing');
  const isDone = status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (isDone) return conditions;
  const subject = newSet
    ? `ReplicaSet ${JSON.stringify(newSet.metadata.name)}`
    : `Deployment ${JSON.stringify(deployment.metadata.name)}`;
  const say = (state: string, reason: string, text: string) =>
    condition('Progressing', state, { reason, message: `${subject} ${text}`, nowMs });
  if (isComplete(deployment, status)) {
    return setCondition(conditions, say('True', 'NewReplicaSetAvailable', 'has successfully progressed.'));
  }
  if (hasProgressed(deployment.status, status)) {
    const next = say('True', 'ReplicaSetUpdated', 'is progressing.');
    if (current?.status === 'True') next.lastTransitionTime = current.lastTransitionTime;
    // Every step renews the time that the deadline counts from.
    return [...removeCondition(conditions, 'Progressing'), next];
  }
  if (deadlineInMs(deployment, status, nowMs) === 0) {
    return setCondition(conditions, say('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'));
  }
  return conditions;
}

/** The Progressing condition that tells of a pause or its end, or undefined when it does already. */
export function pauseCondition(deployment: Deployment, nowMs: number): DeploymentCondition | undefined {
  if (!hasProgressDeadline(deployment)) return undefined;
  const current = conditionOf(deployment.status, 'Progressing');
  if (current?.reason === 'ProgressDeadlineExceeded') return undefined;
  const saysPaused = current?.reason === 'DeploymentPaused';
  const isPaused = deployment.spec.paused === true;
  if (isPaused === saysPaused) return undefined;
  const word = isPaused ? 'paused' : 'resumed';
  const reason = isPaused ? 'DeploymentPaused' : 'DeploymentResumed';
  return condition('Progressing', 'Unknown', { reason, message: `Deployment is ${word}`, nowMs });
}
