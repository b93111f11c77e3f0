// What to do next for the pods of a stateful set. Pure. Upstream: stateful_set_control.go of pkg/controller/statefulset.
//
//   numbers are filled from below ──> those beyond the range go, from above ──> old ones are replaced, from above
//
// In order each step waits until the pods before it are available; in parallel none waits.
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import type { Pod } from '../../api/core/pod.ts';
import { resolveIntOrPercent } from '../int-or-percent.ts';
import { isAvailable, isReady } from '../pods/pod-state.ts';
import { withoutZeros } from '../status.ts';
import { hasIdentity, isInRange, ordinalOf, replicasOf, revisionLabel, startOf } from './identity.ts';

export interface SetState {
  set: StatefulSet;
  /** Those that have a number. */
  pods: readonly Pod[];
  /** Names of revisions. */
  current: string;
  update: string;
  collisionCount: number;
  nowMs: number;
  /** Pods that were deleted in this pass. Nobody may see them go: they may be gone at once. */
  deleted?: readonly Pod[];
}

export interface SetPlan {
  create: number[];
  delete: Pod[];
  /** Pods that lost the labels of their number. */
  relabel: Pod[];
  /** Pods that wait for something: perhaps for claims. */
  pending: Pod[];
}

const isGoing = ({ metadata }: Pod) => metadata.deletionTimestamp !== undefined;
const isRunning = (pod: Pod) => pod.status?.phase === 'Running';
const isOld = (pod: Pod, update: string) => pod.metadata.labels?.[revisionLabel] !== update;

function isUnavailable(pod: Pod | undefined, { set, nowMs }: SetState): boolean {
  return !pod || isGoing(pod) || !isRunning(pod) || !isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

/** Most pods created or deleted in one pass. */
export const burst = 500;

/** Pods of the range by their number, and the others, highest first. */
function arrange({ set, pods }: SetState): { replicas: Map<number, Pod>; condemned: Pod[] } {
  const numbered = pods.map((pod): [number, Pod] => [ordinalOf(set, pod)!, pod]).sort(([a], [b]) => a - b);
  const condemned = numbered.filter(([ordinal]) => !isInRange(set, ordinal)).map(([, pod]) => pod);
  return { replicas: new Map(numbered.filter(([ordinal]) => isInRange(set, ordinal))), condemned: condemned.reverse() };
}

/** The numbers of the range, ascending; of those without a pod as many as one pass creates. There may be 2^31 of them. */
function* numbersOf(set: StatefulSet, replicas: ReadonlyMap<number, Pod>): Generator<number> {
  let ordinal = startOf(set);
  for (let missing = 0; ordinal < startOf(set) + replicasOf(set) && missing < burst; ordinal++) {
    if (!replicas.has(ordinal)) missing++;
    yield ordinal;
  }
  for (const rest of replicas.keys()) if (rest >= ordinal) yield rest;
}

export function planPods(state: SetState): SetPlan {
  const { set } = state;
  const plan: SetPlan = { create: [], delete: [], relabel: [], pending: [] };
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel';
  const { replicas, condemned } = arrange(state);
  for (const ordinal of numbersOf(set, replicas)) {
    const mustWait = planReplica(plan, { pod: replicas.get(ordinal), ordinal }, state);
    if (mustWait && isOrdered) return plan;
  }
  const firstUnavailable = condemned.findLast((pod) => isUnavailable(pod, state));
  for (const pod of condemned) {
    const mustWait = isGoing(pod) || (isUnavailable(pod, state) && pod !== firstUnavailable);
    if (mustWait && isOrdered) return plan;
    if (!isGoing(pod)) plan.delete.push(pod);
    if (isOrdered) return plan;
  }
  if (set.spec.updateStrategy?.type === 'OnDelete') return plan;
  const old = planUpdate(replicas, state).filter((pod) => !plan.delete.includes(pod));
  plan.delete.push(...old);
  return plan;
}

/** What one number needs. True when what comes after it has to wait, where there is an order. */
function planReplica(plan: SetPlan, { pod, ordinal }: { pod: Pod | undefined; ordinal: number }, state: SetState) {
  if (!pod) plan.create.push(ordinal);
  else if (isFinished(pod)) {
    if (!isGoing(pod)) plan.delete.push(pod);
  } else {
    if (pod.status?.phase === 'Pending' && !isGoing(pod)) plan.pending.push(pod);
    if (!hasIdentity(pod)) plan.relabel.push(pod);
  }
  return isUnavailable(pod, state);
}

/**
 * Old pods to replace. By default the highest one, if all above it are available. With maxUnavailable as many available
 * ones as may be missing, and those that are missing anyhow: v1.36 has that behind a gate (MaxUnavailableStatefulSet),
 * which is why who does not ask for it must notice nothing. https://kep.k8s.io/961
 */
function planUpdate(replicas: ReadonlyMap<number, Pod>, state: SetState): Pod[] {
  const { set, update } = state;
  const { partition = 0, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const wanted = replicasOf(set);
  const isNext = (pod: Pod) => !isGoing(pod) && isOld(pod, update);
  const available = [...replicas.values()].filter((pod) => !isUnavailable(pod, state));
  const fromTop = [...replicas].reverse().filter(([ordinal]) => ordinal >= startOf(set) + partition);
  if (maxUnavailable === undefined) {
    const first = fromTop.find(([, pod]) => isNext(pod) || isUnavailable(pod, state));
    // One that is missing above it is unavailable, too.
    const isAllAbove = first && fromTop.indexOf(first) === startOf(set) + wanted - 1 - first[0];
    return isAllAbove && isNext(first[1]) ? [first[1]] : [];
  }
  let left = Math.max(1, resolveIntOrPercent(maxUnavailable, wanted, 'down')) - (wanted - available.length);
  return fromTop.map(([, pod]) => pod).filter((pod) => isNext(pod) && (isUnavailable(pod, state) || left-- > 0));
}

/** Whether the pod of a number is made from the revision before the update. */
export function usesCurrent({ spec, status, ...rest }: StatefulSet, ordinal: number): boolean {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === 'OnDelete') return false;
  const first = startOf({ spec, ...rest });
  return ordinal < first + (rollingUpdate ? (rollingUpdate.partition ?? 0) : (status?.currentReplicas ?? 0));
}

export function computeStatus(state: SetState): NonNullable<StatefulSet['status']> {
  const { set, pods, update, nowMs, deleted = [] } = state;
  const ready = pods.filter((pod) => isRunning(pod) && isReady(pod));
  const available = ready.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs));
  const stay = pods.filter((pod) => !isGoing(pod) && !deleted.includes(pod));
  const countOf = (revision: string) => stay.filter((pod) => pod.metadata.labels?.[revisionLabel] === revision).length;
  const updated = countOf(update);
  const wanted = replicasOf(set);
  // The update is complete: it is the current revision from now on.
  const isComplete =
    set.spec.updateStrategy?.type !== 'OnDelete' &&
    [updated, ready.length, pods.length].every((count) => count === wanted);
  const current = isComplete ? update : state.current;
  const status = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: available.length,
    currentReplicas: countOf(current),
    updatedReplicas: updated,
    currentRevision: current,
    updateRevision: update,
    collisionCount: state.collisionCount,
    conditions: set.status?.conditions,
  };
  return withoutZeros(status, ['replicas', 'availableReplicas', 'collisionCount']) as typeof status & {
    conditions: NonNullable<typeof status.conditions>;
  };
}
