// Which pods a daemon set should create and delete next: those that nodes miss or should not have,
// and the next step of a rolling update. Pure. Upstream: manage in pkg/controller/daemon and
// rollingUpdate in update.go.
import type { DaemonSet } from '../../api/apps/daemonset.ts';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { resolveIntOrPercent } from '../int-or-percent.ts';
import { isAvailable, isReady } from '../pods/pod-state.ts';
import { withoutZeros } from '../status.ts';
import { byNode, isCurrent, placeOn } from './placement.ts';

export interface DaemonInput {
  set: DaemonSet;
  pods: readonly Pod[];
  nodes: readonly Node[];
  /** The hash of the current template. */
  hash: string;
  nowMs: number;
}

export interface DaemonPlan {
  /** Names of nodes. */
  createOn: string[];
  delete: Pod[];
  /**
   * Finished pods among them, with the phase they ended in: they are told about, and failed ones
   * replaced with a growing delay.
   */
  finished: Pod[];
}

const isAvailableAt = ({ set, nowMs }: DaemonInput, pod: Pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);

/** Nodes that should run the set's pod. */
function wantedNodes({ set, nodes }: DaemonInput): Node[] {
  return nodes.filter((node) => placeOn(set, node).shouldRun);
}

/** Nodes that may have an old and a new pod, and nodes that may be without one, during a rolling update. */
function updateBounds(input: DaemonInput): { maxSurge: number; maxUnavailable: number } {
  const desired = wantedNodes(input).length;
  const { maxSurge, maxUnavailable } = input.set.spec.updateStrategy?.rollingUpdate ?? {};
  const surge = resolveIntOrPercent(maxSurge, desired, 'up');
  const unavailable = resolveIntOrPercent(maxUnavailable, desired, 'up');
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

const isRolling = ({ set }: DaemonInput) => set.spec.updateStrategy?.type !== 'OnDelete';

/** One pod on every node that should have one, none elsewhere. */
export function planPlacement(input: DaemonInput): DaemonPlan {
  const plan: DaemonPlan = { createOn: [], delete: [], finished: [] };
  const podsByNode = byNode(input.pods);
  const maxSurge = isRolling(input) ? updateBounds(input).maxSurge : 0;
  for (const node of input.nodes) {
    const name = node.metadata.name ?? '';
    const pods = podsByNode.get(name) ?? [];
    podsByNode.delete(name);
    const { shouldRun, mayStay } = placeOn(input.set, node);
    if (!mayStay) plan.delete.push(...pods.filter((pod) => !pod.metadata.deletionTimestamp));
    else if (pods.length === 0) {
      if (shouldRun) plan.createOn.push(name);
    } else if (!planNode(plan, input, { pods, maxSurge }) && maxSurge > 0 && shouldRun) plan.createOn.push(name);
  }
  // Pods that wait for a node that is not there any more.
  for (const pods of podsByNode.values()) {
    plan.delete.push(...pods.filter((pod) => !pod.spec.nodeName && !pod.metadata.deletionTimestamp));
  }
  return plan;
}

/** What a node with pods needs. Whether one stays, for now or for good. */
function planNode(plan: DaemonPlan, input: DaemonInput, node: { pods: readonly Pod[]; maxSurge: number }): boolean {
  const running: Pod[] = [];
  for (const pod of node.pods) {
    if (pod.metadata.deletionTimestamp) continue;
    if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') {
      plan.finished.push(pod);
      plan.delete.push(pod);
    } else running.push(pod);
  }
  if (running.length <= 1) return running.length > 0;
  if (node.maxSurge === 0) {
    plan.delete.push(...running.slice(1));
    return true;
  }
  // During a surge one old and one new pod may stand side by side, until the new one is available
  // or the old one serves no more.
  const current = running.filter((pod) => isCurrent(input.set, pod, input.hash));
  const old = running.filter((pod) => !current.includes(pod));
  plan.delete.push(...current.slice(1), ...old.slice(1));
  const [newest] = current;
  if (newest && old[0] && (!isReady(old[0]) || isAvailableAt(input, newest))) plan.delete.push(old[0]);
  return true;
}

/** The next step of a rolling update; nothing is planned for nodes where placement has something to do first. */
export function planUpdate(input: DaemonInput): Pick<DaemonPlan, 'createOn' | 'delete'> {
  if (!isRolling(input)) return { createOn: [], delete: [] };
  const bounds = updateBounds(input);
  return bounds.maxSurge > 0 ? planSurge(input, bounds.maxSurge) : planReplacement(input, bounds.maxUnavailable);
}

interface Place {
  name: string;
  /** Its pods that are not on their way out. */
  current: Pod | undefined;
  old: Pod | undefined;
}

/** Nodes that have pods of the set or should have one. */
function placesOf(input: DaemonInput): Place[] {
  const podsByNode = byNode(input.pods);
  const names = new Set([...wantedNodes(input).map(({ metadata }) => metadata.name ?? ''), ...podsByNode.keys()]);
  return [...names].map((name) => {
    const staying = (podsByNode.get(name) ?? []).filter((pod) => !pod.metadata.deletionTimestamp);
    const current = staying.find((pod) => isCurrent(input.set, pod, input.hash));
    return { name, current, old: staying.find((pod) => !isCurrent(input.set, pod, input.hash)) };
  });
}

function planReplacement(input: DaemonInput, maxUnavailable: number): Pick<DaemonPlan, 'createOn' | 'delete'> {
  const unavailableOld: Pod[] = [];
  const candidates: Pod[] = [];
  let unavailable = 0;
  for (const { current, old } of placesOf(input)) {
    if (current && !old) unavailable += isAvailableAt(input, current) ? 0 : 1;
    else if (!old || current) unavailable++;
    else if (isAvailableAt(input, old)) candidates.push(old);
    else {
      // An old pod that does not serve anyway costs nothing to replace.
      unavailableOld.push(old);
      unavailable++;
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable);
  return { createOn: [], delete: [...unavailableOld, ...candidates.slice(0, room)] };
}

function planSurge(input: DaemonInput, maxSurge: number): Pick<DaemonPlan, 'createOn' | 'delete'> {
  const wanted = new Set(wantedNodes(input).map(({ metadata }) => metadata.name ?? ''));
  const serves = (pod: Pod | undefined) => pod !== undefined && isAvailableAt(input, pod);
  const urgent: string[] = [];
  const candidates: string[] = [];
  const done: Pod[] = [];
  /** Where the set is not to run any more. */
  const elsewhere: Pod[] = [];
  let surging = 0;
  let available = 0;
  for (const { name, current, old } of placesOf(input)) {
    if (serves(old ?? current)) available++;
    if (!old) continue;
    if (current) {
      if (serves(current)) done.push(old);
      else surging++;
    } else if (!wanted.has(name)) (serves(old) ? elsewhere : done).push(old);
    else (serves(old) ? candidates : urgent).push(name);
  }
  const room = Math.max(0, maxSurge - surging);
  // They serve until as many do where they should.
  const spare = Math.max(0, available - wanted.size);
  return { createOn: [...urgent, ...candidates.slice(0, room)], delete: [...done, ...elsewhere.slice(0, spare)] };
}

/** Counts over nodes. A generation is not observed while nobody acts upon it: not all that was done is seen. */
export function computeStatus(input: DaemonInput, isSettled = true): NonNullable<DaemonSet['status']> {
  const { set, nodes, hash } = input;
  const podsByNode = byNode(input.pods);
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 };
  for (const node of nodes) {
    const pods = podsByNode.get(node.metadata.name ?? '') ?? [];
    const pod = pods[0];
    if (!placeOn(set, node).shouldRun) {
      if (pod) counts.misscheduled++;
      continue;
    }
    counts.desired++;
    if (!pod) continue;
    counts.current++;
    if (isReady(pod)) counts.ready++;
    if (isAvailableAt(input, pod)) counts.available++;
    if (isCurrent(set, pod, hash)) counts.updated++;
  }
  const status: NonNullable<DaemonSet['status']> = {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    observedGeneration: (isSettled ? set.metadata.generation : set.status?.observedGeneration) ?? 0,
    updatedNumberScheduled: counts.updated,
    numberAvailable: counts.available,
    numberUnavailable: counts.desired - counts.available,
    ...(set.status?.collisionCount === undefined ? {} : { collisionCount: set.status.collisionCount }),
    conditions: set.status?.conditions ?? [],
  };
  return withoutZeros(status, [
    'currentNumberScheduled',
    'numberMisscheduled',
    'desiredNumberScheduled',
    'numberReady',
    'collisionCount',
  ]);
}
