// Keeps as many pods of a replica set, or of another kind that is like one, as it asks for. Upstream:
// pkg/controller/replicaset.

import { type ReplicaSet, ReplicaSetKind } from '../api/apps/replicaset.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../client/controller.ts';
import type { Lister } from '../client/store.ts';
import type { Kind } from '../machinery/kind.ts';
import { controllerOf, type KubeObject, keyOf } from '../machinery/metadata.ts';
import { timestamp } from '../machinery/timestamp.ts';
import { byController, claim, indexByController } from './pods/claim.ts';
import { deletePods } from './pods/delete-pods.ts';
import { inDeletionOrder, type Ranks } from './pods/deletion-order.ts';
import { isNamespaceTerminating, PodControl, podFromTemplate } from './pods/pod-control.ts';
import { isActive, isAvailable, isReady, isTerminating, nextAvailableInMs } from './pods/pod-state.ts';
import { type OwnedPods, watchOwnedPods } from './pods/pod-watch.ts';
import { slowStart } from './pods/slow-start.ts';
import { removeCondition, setCondition, withoutZeros, writeStatus } from './status.ts';

/** Most pods created or deleted in one pass. */
const burst = 500;

/** How many pods to create, and which to delete. Pure. */
export function planReplicas(
  set: ReplicaSet,
  active: readonly Pod[],
  options: Ranks,
): { create: number; delete: Pod[] } {
  const difference = (set.spec.replicas ?? 1) - active.length;
  if (difference >= 0) return { create: Math.min(burst, difference), delete: [] };
  const surplus = Math.min(burst, -difference);
  const candidates = inDeletionOrder(active, options);
  return { create: 0, delete: candidates.slice(0, surplus) };
}

interface Failure {
  reason: 'FailedCreate' | 'FailedDelete';
  message: string;
}

/** The status that follows from the set's own pods and from what went wrong with them. Pure. */
export function computeStatus(
  set: ReplicaSet,
  pods: readonly Pod[],
  options: { failure?: Failure | undefined; nowMs: number; isSettled?: boolean },
): NonNullable<ReplicaSet['status']> {
  const { failure, nowMs, isSettled = true } = options;
  const active = pods.filter(isActive);
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const isFullyLabeled = (pod: Pod) => templateLabels.every(([k, v]) => pod.metadata.labels?.[k] === v);
  const current = set.status?.conditions;
  const conditions = failure
    ? current?.some((c) => c.type === 'ReplicaFailure')
      ? current
      : setCondition(current, {
          type: 'ReplicaFailure',
          status: 'True',
          lastTransitionTime: timestamp(nowMs),
          ...failure,
        })
    : removeCondition(current, 'ReplicaFailure');
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(isFullyLabeled).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
    terminatingReplicas: pods.filter(isTerminating).length,
    // While pods may come that nobody has seen, the numbers are not those of this generation: who waits for them, to
    // make others, would have too many.
    observedGeneration: (isSettled ? set.metadata.generation : set.status?.observedGeneration) ?? 0,
    conditions,
  };
  return withoutZeros(status, ['replicas', 'terminatingReplicas']);
}

/** A kind whose objects are, or can be read as, replica sets. */
export interface ReplicaOptions<T extends KubeObject> {
  /** The permanent name of the controller. */
  name: string;
  /** Who its events are from. */
  component: string;
  kind: Kind<T>;
  asSet(object: T): ReplicaSet;
  /** What the kind keeps of the status. */
  statusOf(status: NonNullable<ReplicaSet['status']>): NonNullable<T['status']>;
}

function createDeps<T extends KubeObject>(
  options: ReplicaOptions<T>,
  context: ControllerContext,
  enqueue: (key: string, afterMs?: number) => void,
) {
  const { kind, component, asSet } = options;
  const sets = context.informer(kind);
  indexByController(sets);
  const selectorOf = (owner: KubeObject) => asSet(owner as T).spec.selector;
  return {
    kind,
    clock: context.clock,
    sets: sets.lister as Lister<KubeObject>,
    owned: watchOwnedPods(context, kind, sets.lister, enqueue, selectorOf),
    control: new PodControl(context, kind, component),
    podClient: context.resource(PodKind),
    setClient: context.resource(kind),
  };
}
type Deps<T extends KubeObject = any> = ReturnType<typeof createDeps<T>>;

/** How many active pods of the same owner (the deployment's other sets) share each pod's node; of a set of its own none counts. */
function rankByNode(set: ReplicaSet, sets: Deps['sets'], owned: OwnedPods): (pod: Pod) => number {
  const owner = controllerOf(set)?.uid;
  const siblings = owner ? sets.byIndex(byController, owner) : [];
  const counts = new Map<string, number>();
  for (const sibling of siblings) {
    for (const pod of owned.pods.byIndex(byController, sibling.metadata.uid ?? '')) {
      const node = pod.spec.nodeName;
      if (node && isActive(pod)) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  }
  return (pod) => counts.get(pod.spec.nodeName ?? '') ?? 0;
}

/** Creates or deletes pods as planned. Returns the first failure. */
async function manageReplicas(set: ReplicaSet, active: readonly Pod[], deps: Deps): Promise<unknown> {
  const { owned, control, clock } = deps;
  const { uid = '' } = set.metadata;
  const rankOf = rankByNode(set, deps.sets, owned);
  const plan = planReplicas(set, active, { rankOf, nowMs: clock.now() });
  if (plan.create > 0) {
    owned.expectations.expectCreations(uid, plan.create);
    const template = { ...set.spec.template! };
    const { successes, error } = await slowStart(plan.create, () =>
      control.create(set, podFromTemplate(deps.kind, set, template)),
    );
    // What was not created will not be seen.
    for (let i = successes; i < plan.create; i++) owned.expectations.creationObserved(uid);
    return isNamespaceTerminating(error) ? undefined : error;
  }
  if (plan.delete.length === 0) return undefined;
  owned.expectations.expectDeletions(uid, plan.delete.map(keyOf));
  try {
    await deletePods(set, plan.delete, { control, expectations: owned.expectations });
    return undefined;
  } catch (err) {
    return err;
  }
}

async function reconcile<T extends KubeObject>(
  object: T,
  { asSet, statusOf }: ReplicaOptions<T>,
  deps: Deps<T>,
): Promise<ReconcileResult | undefined> {
  const set = asSet(object);
  const { owned, clock } = deps;
  const isSettled = owned.isSettled(set);
  const pods = await claim({
    ownerKind: deps.kind,
    owner: set,
    selector: set.spec.selector,
    candidates: owned.candidates(set),
    children: deps.podClient,
    owners: deps.setClient,
  });
  const active = pods.filter(isActive);
  const isManaged = isSettled && !set.metadata.deletionTimestamp;
  const error = isManaged ? await manageReplicas(set, active, deps) : undefined;
  const failure: Failure | undefined = error
    ? {
        reason: active.length < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete',
        message: error instanceof Error ? error.message : String(error),
      }
    : undefined;
  const status = computeStatus(set, pods, { failure, nowMs: clock.now(), isSettled });
  await writeStatus(object, statusOf(status), deps.setClient.updateStatus);
  if (error) throw error;
  const requeueAfterMs = nextAvailableInMs(active, set.spec.minReadySeconds ?? 0, clock.now());
  return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
}

/** The controller of a kind that keeps a number of equal pods. */
export function replicaController<T extends KubeObject>(options: ReplicaOptions<T>) {
  return defineController<T, Deps<T>>({
    name: options.name,
    kind: options.kind,
    owns: [PodKind],
    concurrency: 5,
    deps: (context, enqueue) => createDeps(options, context, enqueue),
    reconcile: (object, deps) => reconcile(object, options, deps),
  });
}

export const replicaSetController = replicaController<ReplicaSet>({
  name: 'replicaset-controller',
  component: 'replicaset-controller',
  kind: ReplicaSetKind,
  asSet: (set) => set,
  statusOf: (status) => status,
});
