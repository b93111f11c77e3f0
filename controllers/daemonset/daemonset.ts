// Runs one pod of each daemon set on every node that fits. Upstream: pkg/controller/daemon.

import { LRUCache } from 'lru-cache';
import { ControllerRevisionKind } from '../../api/apps/controllerrevision.ts';
import { type DaemonSet, DaemonSetKind } from '../../api/apps/daemonset.ts';
import { type Node, NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController, ownersOf, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { candidatesIn, claim } from '../pods/claim.ts';
import { deletePods } from '../pods/delete-pods.ts';
import { isNamespaceTerminating, PodControl } from '../pods/pod-control.ts';
import { nextAvailableInMs } from '../pods/pod-state.ts';
import { watchOwnedPods } from '../pods/pod-watch.ts';
import { slowStart } from '../pods/slow-start.ts';
import { writeStatus } from '../status.ts';
import { buildPod, nodeNameOf } from './placement.ts';
import { computeStatus, type DaemonInput, type DaemonPlan, planPlacement, planUpdate } from './plan.ts';
import { deleteRevisions, hashOf, planHistoryCleanup, syncHistory } from './revisions.ts';

const name = 'daemonset-controller';
const burst = 250;
const firstBackoffMs = 1_000;
const maxBackoffMs = 15 * 60_000;

/** Remembers how often pods of a set failed on a node, so that they come back ever more slowly. */
interface FailureBackoff {
  count: number;
  untilMs: number;
}

function createDeps(context: ControllerContext, enqueue: (key: string, afterMs?: number) => void) {
  const sets = context.informer(DaemonSetKind);
  return {
    clock: context.clock,
    sets: sets.lister,
    nodes: context.informer(NodeKind).lister,
    revisionsFor: candidatesIn(context.informer(ControllerRevisionKind)),
    owned: watchOwnedPods(context, DaemonSetKind, sets.lister, enqueue),
    control: new PodControl(context, DaemonSetKind, name),
    podClient: context.resource(PodKind),
    setClient: context.resource(DaemonSetKind),
    revisionClient: context.resource(ControllerRevisionKind),
    failures: new LRUCache<string, FailureBackoff>({
      max: 10_000,
      ttl: 2 * maxBackoffMs,
      perf: { now: () => context.clock.now() },
    }),
    say: sayingOf(DaemonSetKind, context.recorder(name)),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Whether a change of a node can change where pods belong. */
function changesPlacement(node: Node | undefined, old: Node | undefined): boolean {
  if (!node || !old) return true;
  return (
    !jsonEqual(node.metadata.labels, old.metadata.labels) ||
    !jsonEqual(node.spec.taints, old.spec.taints) ||
    node.spec.unschedulable !== old.spec.unschedulable
  );
}

/** Tells of finished pods; keeps a failed one until its delay is over. Returns the time to come back, if any. */
function holdFailed(set: DaemonSet, plan: DaemonPlan, deps: Deps): number | undefined {
  let nextMs: number | undefined;
  for (const pod of plan.finished) {
    const nodeName = nodeNameOf(pod) ?? '';
    const where = `${pod.metadata.namespace}/${pod.metadata.name} on node ${nodeName}`;
    if (pod.status?.phase === 'Succeeded') {
      deps.say(set, 'Normal', 'SucceededDaemonPod', `Found succeeded daemon pod ${where}, will try to delete it`);
      continue;
    }
    const key = `${set.metadata.uid} ${set.status?.observedGeneration ?? 0} ${nodeName}`;
    const backoff = deps.failures.get(key) ?? { count: 0, untilMs: 0 };
    const leftMs = backoff.untilMs - deps.clock.now();
    if (leftMs > 0) {
      plan.delete = plan.delete.filter((p) => p !== pod);
      nextMs = Math.min(nextMs ?? leftMs, leftMs);
      continue;
    }
    const delayMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** backoff.count);
    deps.failures.set(key, { count: backoff.count + 1, untilMs: deps.clock.now() + delayMs });
    deps.say(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${where}, will try to kill it`);
  }
  return nextMs;
}

/** Creates and deletes pods as planned. */
async function apply(input: DaemonInput, plan: Pick<DaemonPlan, 'createOn' | 'delete'>, deps: Deps): Promise<boolean> {
  const { set, hash } = input;
  const { expectations } = deps.owned;
  const { uid = '' } = set.metadata;
  const createOn = plan.createOn.slice(0, burst);
  const doomed = plan.delete.slice(0, burst);
  if (createOn.length + doomed.length === 0) return false;
  expectations.expect(uid, { creations: createOn.length, deletions: doomed.map(keyOf) });
  const { successes, error } = await slowStart(createOn.length, (i) =>
    deps.control.create(set, buildPod(set, createOn[i]!, hash)),
  );
  for (let i = successes; i < createOn.length; i++) expectations.creationObserved(uid);
  await deletePods(set, doomed, { control: deps.control, expectations });
  if (error && !isNamespaceTerminating(error)) throw error;
  return true;
}

async function reconcile(set: DaemonSet, deps: Deps): Promise<ReconcileResult | undefined> {
  if (set.metadata.deletionTimestamp) return undefined;
  const isSettled = deps.owned.isSettled(set);
  const own = { ownerKind: DaemonSetKind, owner: set, selector: set.spec.selector, owners: deps.setClient };
  const pods = await claim({ ...own, candidates: deps.owned.candidates(set), children: deps.podClient });
  const revisions = await claim({ ...own, candidates: deps.revisionsFor(set), children: deps.revisionClient });
  const history = await syncHistory(set, { revisions, pods }, deps);
  if (!history) {
    const collisionCount = (set.status?.collisionCount ?? 0) + 1;
    await writeStatus(set, { ...computeStatus(inputOf('')), collisionCount }, deps.setClient.updateStatus);
    return undefined;
  }
  if (history.isMoving) return undefined;
  const input = inputOf(hashOf(history.current));
  let failedInMs: number | undefined;
  try {
    if (isSettled) {
      const plan = planPlacement(input);
      failedInMs = holdFailed(set, plan, deps);
      const hasActed = await apply(input, plan, deps);
      if (!hasActed) await apply(input, planUpdate(input), deps);
      await deleteRevisions(planHistoryCleanup(set, history.old, pods), deps.revisionClient);
    }
  } finally {
    // Even when pods were refused: how many are missing is what the user looks for then.
    await writeStatus(set, computeStatus(input, isSettled), deps.setClient.updateStatus);
  }
  const availableInMs = nextAvailableInMs(pods, set.spec.minReadySeconds ?? 0, deps.clock.now());
  const next = Math.min(failedInMs ?? Number.POSITIVE_INFINITY, availableInMs ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(next) ? { requeueAfterMs: next } : undefined;

  function inputOf(hash: string): DaemonInput {
    return { set, pods, nodes: deps.nodes.list(), hash, nowMs: deps.clock.now() };
  }
}

export const daemonSetController = defineController({
  name,
  kind: DaemonSetKind,
  owns: [PodKind],
  related: [
    {
      kind: ControllerRevisionKind,
      // One that is gone may be missed. What others add or write stays until there is a reason to look.
      keys: (revision, old) => (revision ? [] : ownersOf(DaemonSetKind, old)),
    },
    { kind: NodeKind, keys: (node, old, deps) => (changesPlacement(node, old) ? deps.sets.list().map(keyOf) : []) },
  ],
  concurrency: 2,
  deps: createDeps,
  reconcile,
});
