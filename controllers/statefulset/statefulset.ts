// Keeps the numbered pods of a stateful set, and their claims. Upstream: pkg/controller/statefulset.
// https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
import { type ControllerRevision, ControllerRevisionKind } from '../../api/apps/controllerrevision.ts';
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController, ownersOf, type ReconcileResult } from '../../client/controller.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { deleteRevisions } from '../daemonset/revisions.ts';
import { candidatesIn, claim } from '../pods/claim.ts';
import { deletePods } from '../pods/delete-pods.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { nextAvailableInMs } from '../pods/pod-state.ts';
import { watchOwnedPods } from '../pods/pod-watch.ts';
import { slowStart } from '../pods/slow-start.ts';
import { writeStatus } from '../status.ts';
import { buildPod, ordinalOf } from './identity.ts';
import { burst, computeStatus, planPods, type SetPlan, type SetState, usesCurrent } from './plan.ts';
import { StatefulPods } from './pods.ts';
import { type History, nameOf, planHistoryCleanup, syncHistory, withRevision } from './revisions.ts';

const name = 'statefulset-controller';

function createDeps(context: ControllerContext, enqueue: (key: string, afterMs?: number) => void) {
  const sets = context.informer(StatefulSetKind);
  return {
    clock: context.clock,
    sets: sets.lister,
    revisionsFor: candidatesIn(context.informer(ControllerRevisionKind)),
    owned: watchOwnedPods(context, StatefulSetKind, sets.lister, enqueue),
    statefulPods: new StatefulPods(context, name),
    podClient: context.resource(PodKind),
    setClient: context.resource(StatefulSetKind),
    revisionClient: context.resource(ControllerRevisionKind),
    /** The version of our last write of a status, by uid: an older one has not been told of it yet. */
    written: new Map<string, { uid: string; version: bigint }>(),
  };
}
type Deps = ReturnType<typeof createDeps>;

async function claimChildren(set: StatefulSet, deps: Deps): Promise<{ pods: Pod[]; revisions: ControllerRevision[] }> {
  const own = { ownerKind: StatefulSetKind, owner: set, selector: set.spec.selector, owners: deps.setClient };
  // A pod that is called otherwise has no number, whatever its labels.
  const candidates = deps.owned.candidates(set).filter((pod) => ordinalOf(set, pod) !== undefined);
  const pods = await claim({ ...own, candidates, children: deps.podClient });
  const revisions = await claim({ ...own, candidates: deps.revisionsFor(set), children: deps.revisionClient });
  return { pods, revisions };
}

/** The pods to create, each from the revision that its number has. */
function podsToCreate({ set }: SetState, { current, update }: History, ordinals: readonly number[]): Pod[] {
  return ordinals.map((ordinal) => {
    const revision = usesCurrent(set, ordinal) ? current : update;
    // The spec as it is is that of the update: only an older template comes from the history.
    return buildPod(revision === update ? set : withRevision(set, revision), ordinal, nameOf(revision));
  });
}

async function apply(state: SetState, plan: SetPlan, wanted: readonly Pod[], deps: Deps): Promise<void> {
  const { set, pods } = state;
  const { owned, statefulPods } = deps;
  const { expectations } = owned;
  const { uid = '' } = set.metadata;
  for (const pod of plan.pending) await statefulPods.ensureClaims(set, pod);
  for (const pod of plan.relabel) await statefulPods.relabel(set, pod);
  for (const pod of pods) await statefulPods.ownClaims(set, pod);
  const doomed = plan.delete.slice(0, burst);
  if (wanted.length + doomed.length === 0) return;
  expectations.expect(uid, { creations: wanted.length, deletions: doomed.map(keyOf) });
  let created = 0;
  const { error } = await slowStart(wanted.length, async (i) => {
    if (await statefulPods.create(set, wanted[i]!)) created++;
  });
  // What was not created, or is there already, will not be seen to come.
  for (let i = created; i < wanted.length; i++) expectations.creationObserved(uid);
  state.deleted = doomed;
  await deletePods(set, doomed, { control: statefulPods, expectations });
  if (error && !isNamespaceTerminating(error)) throw error;
}

async function reconcile(set: StatefulSet, deps: Deps): Promise<ReconcileResult | undefined> {
  const { uid = '', resourceVersion = '0' } = set.metadata;
  const before = deps.written.get(keyOf(set));
  // Its change brings it here again.
  if (before?.uid === uid && BigInt(resourceVersion) < before.version) return undefined;
  const isSettled = deps.owned.isSettled(set);
  const { pods, revisions } = await claimChildren(set, deps);
  const history = await syncHistory(set, revisions, deps.revisionClient);
  const { current, update, collisionCount } = history;
  const nowMs = deps.clock.now();
  const state: SetState = { set, pods, current: nameOf(current), update: nameOf(update), collisionCount, nowMs };
  try {
    if (isSettled && !set.metadata.deletionTimestamp) {
      const plan = planPods(state);
      await apply(state, plan, podsToCreate(state, history, plan.create), deps);
      const surplus = planHistoryCleanup(set, revisions, { pods, current, update });
      await deleteRevisions(surplus, deps.revisionClient);
    }
  } finally {
    // Even when pods were refused: how many are missing is what the user looks for then.
    await writeStatus(set, computeStatus(state), async (next) => {
      const answer = await deps.setClient.updateStatus(next);
      deps.written.set(keyOf(set), { uid, version: BigInt(answer.metadata.resourceVersion ?? 0) });
      return answer;
    });
  }
  const availableInMs = nextAvailableInMs(pods, set.spec.minReadySeconds ?? 0, deps.clock.now());
  return availableInMs === undefined ? undefined : { requeueAfterMs: availableInMs };
}

/** A claim that goes may be what a set waits for: claims are called by its pods. */
function setsOfClaim(object: KubeObject | undefined, old: KubeObject | undefined, { sets }: Deps): string[] {
  if (object || !old) return [];
  const { namespace = '', name: claimName = '' } = old.metadata;
  return sets
    .inNamespace(namespace)
    .filter(({ metadata, spec }) =>
      (spec.volumeClaimTemplates ?? []).some((t) => claimName.startsWith(`${t.metadata?.name}-${metadata.name}-`)),
    )
    .map(keyOf);
}

export const statefulSetController = defineController({
  name,
  kind: StatefulSetKind,
  owns: [PodKind],
  related: [
    { kind: ControllerRevisionKind, keys: (revision, old) => (revision ? [] : ownersOf(StatefulSetKind, old)) },
    { kind: PersistentVolumeClaimKind, keys: setsOfClaim },
  ],
  concurrency: 5,
  deps: createDeps,
  reconcile,
  forget: (key, { written }) => {
    written.delete(key);
  },
});
