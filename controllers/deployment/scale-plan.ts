// How many pods each replica set of a deployment should have next. Pure arithmetic over specs and statuses.
// Upstream: rolling.go, sync.go and deployment_util.go of pkg/controller/deployment.
import type { Deployment } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import { isRolling, maxSurgeOf, maxUnavailableOf, replicasOf } from './fence.ts';
import { compareCreation, desiredAnnotation, maxAnnotation } from './revision.ts';

/** A set and its next number of replicas. */
export interface SetScale {
  set: ReplicaSet;
  replicas: number;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const desiredTotal = (sets: readonly ReplicaSet[]) => sum(sets.map(replicasOf));
const availableOf = (set: ReplicaSet) => set.status?.availableReplicas ?? 0;
export const activeSets = (sets: readonly ReplicaSet[]) => sets.filter((set) => replicasOf(set) > 0);

/** Whether who makes a set's pods may not have seen its size yet: it may still make as many as before. */
export const isUnseen = ({ metadata, status }: ReplicaSet) =>
  (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);

/** Size of the new set during a roll-out: as large as the surge lets it be, once the old ones are known to be as small. */
export function newSetReplicas(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): number {
  const wanted = replicasOf(deployment);
  if (!isRolling(deployment)) return wanted;
  const current = newSet ? replicasOf(newSet) : 0;
  if (current >= wanted) return wanted;
  const room = wanted + maxSurgeOf(deployment) - current - desiredTotal(oldSets);
  return room <= 0 || oldSets.some(isUnseen) ? current : current + Math.min(room, wanted - current);
}

/** The old sets to shrink in a rolling update: pods that are not available first, then as many as may be missing. */
export function planOldSets(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): SetScale[] {
  const minAvailable = replicasOf(deployment) - maxUnavailableOf(deployment);
  const newUnavailable = replicasOf(newSet) - availableOf(newSet);
  let mayGo = desiredTotal([...oldSets, newSet]) - minAvailable - newUnavailable;
  if (desiredTotal(oldSets) === 0 || mayGo <= 0) return [];
  const sizes = new Map(oldSets.map((set) => [set, replicasOf(set)]));
  const ordered = [...oldSets].sort(compareCreation);
  for (const set of ordered) {
    const unhealthy = Math.max(0, sizes.get(set)! - availableOf(set));
    const gone = Math.min(mayGo, unhealthy);
    sizes.set(set, sizes.get(set)! - gone);
    mayGo -= gone;
  }
  let spare = sum([...oldSets, newSet].map(availableOf)) - minAvailable;
  for (const set of ordered) {
    const gone = Math.max(0, Math.min(spare, sizes.get(set)!));
    sizes.set(set, sizes.get(set)! - gone);
    spare -= gone;
  }
  return changed([...sizes].map(([set, replicas]) => ({ set, replicas })));
}

const changed = (scales: readonly SetScale[]) => scales.filter(({ set, replicas }) => replicasOf(set) !== replicas);

/** Whether the deployment was scaled since its sets were. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return activeSets(sets).some((set) => {
    const desired = Number.parseInt(set.metadata.annotations?.[desiredAnnotation] ?? '', 10);
    return !Number.isNaN(desired) && desired !== replicasOf(deployment);
  });
}

/**
 * Brings the sets to a new number of replicas without rolling out: the only set at once, several in
 * proportion to their sizes. Scales that only renew a set's annotations are included: a set that
 * was never told of the number would keep this a scaling for ever.
 */
export function planScale(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): SetScale[] {
  const wanted = replicasOf(deployment);
  const single = findActiveOrLatest(newSet, oldSets);
  if (single) return [{ set: single, replicas: wanted }];
  if (newSet && isSaturated(deployment, newSet)) {
    return changed(activeSets(oldSets).map((set) => ({ set, replicas: 0 })));
  }
  if (isRolling(deployment)) return planProportional(deployment, newSet, oldSets);
  return activeSets(newSet ? [...oldSets, newSet] : oldSets).map((set) => ({ set, replicas: replicasOf(set) }));
}

/** The one set that has pods, or when none has, the new one or the latest. Undefined when several have. */
function findActiveOrLatest(newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const active = activeSets(newSet ? [newSet, ...oldSets] : oldSets);
  if (active.length > 1) return undefined;
  return active[0] ?? newSet ?? [...oldSets].sort(compareCreation).at(-1);
}

function isSaturated(deployment: Deployment, newSet: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  const desired = Number(newSet.metadata.annotations?.[desiredAnnotation] ?? Number.NaN);
  return replicasOf(newSet) === wanted && desired === wanted && availableOf(newSet) === wanted;
}

function planProportional(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): SetScale[] {
  const sets = activeSets(newSet ? [...oldSets, newSet] : oldSets);
  const wanted = replicasOf(deployment);
  const allowed = wanted > 0 ? wanted + maxSurgeOf(deployment) : 0;
  const toAdd = allowed - desiredTotal(sets);
  // The largest takes its share first; of equals the newer when growing, the older when shrinking.
  const byAge = (a: ReplicaSet, b: ReplicaSet) => (toAdd > 0 ? compareCreation(b, a) : compareCreation(a, b));
  const ordered = [...sets].sort((a, b) => replicasOf(b) - replicasOf(a) || byAge(a, b));
  let added = 0;
  const scales = ordered.map((set): SetScale => {
    const share = proportionOf(set, deployment, { toAdd, added });
    added += share;
    return { set, replicas: replicasOf(set) + share };
  });
  const first = scales[0];
  if (first) first.replicas = Math.max(0, first.replicas + toAdd - added);
  return scales;
}

function proportionOf(set: ReplicaSet, deployment: Deployment, state: { toAdd: number; added: number }): number {
  const left = state.toAdd - state.added;
  if (replicasOf(set) === 0 || state.toAdd === 0 || left === 0) return 0;
  const fraction = fractionOf(set, deployment);
  return state.toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

/** By how much a set changes to keep its share of the whole. */
function fractionOf(set: ReplicaSet, deployment: Deployment): number {
  const size = replicasOf(set);
  if (replicasOf(deployment) === 0) return -size;
  const maxNow = replicasOf(deployment) + maxSurgeOf(deployment);
  const maxBefore = Number(set.metadata.annotations?.[maxAnnotation] ?? 0) || deployment.status?.replicas || maxNow;
  return Math.round((size * maxNow) / maxBefore) - size;
}
