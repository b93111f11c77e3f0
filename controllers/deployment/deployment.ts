// Rolls out a deployment's template over replica sets, one for each revision. Upstream: pkg/controller/deployment.
//
//   template changed ──> new set created at the size the surge allows
//                          │  new set grows, old sets shrink, a few pods at a time (RollingUpdate)
//                          │  or old sets go to 0 first, then the new one grows (Recreate)
//                          v
//                        complete: old sets beyond the history limit are deleted
//
// One pass writes replica sets or the deployment's status, then waits for its own change to come back by the watch.

import { type Deployment, DeploymentKind } from '../../api/apps/deployment.ts';
import { type ReplicaSet, ReplicaSetKind } from '../../api/apps/replicaset.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController, ownersOf, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { OwnWrites } from '../../client/own-writes.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import { controllerOf, keyOf } from '../../machinery/metadata.ts';
import { byController, candidatesIn, claim, indexByController } from '../pods/claim.ts';
import { setCondition, writeStatus } from '../status.ts';
import { isRolling, replicasOf } from './fence.ts';
import { deleteSets, type SetEffects, scaleSets, syncNewSet } from './replica-sets.ts';
import { findNewSet, planCleanup } from './revision.ts';
import { activeSets, isScalingEvent, isUnseen, newSetReplicas, planOldSets, planScale } from './scale-plan.ts';
import {
  computeRolloutStatus,
  computeStatus,
  type DeploymentStatus,
  deadlineInMs,
  isComplete,
  pauseCondition,
} from './status.ts';

const name = 'deployment-controller';
const unseenRetryMs = 1_000;

function createDeps(context: ControllerContext, enqueue: (key: string) => void) {
  const deployments = context.informer(DeploymentKind).lister;
  const sets = context.informer(ReplicaSetKind);
  const pods = context.informer(PodKind);
  const setsFor = candidatesIn(sets);
  indexByController(pods);
  sets.onChange((set) => {
    if (!set || controllerOf(set)) return;
    for (const deployment of deployments.inNamespace(set.metadata.namespace ?? '')) {
      if (matchesLabelSelector(deployment.spec.selector, set.metadata.labels)) enqueue(keyOf(deployment));
    }
  });
  const setWrites = new OwnWrites(context.resource(ReplicaSetKind), sets, context);
  const effects: SetEffects = {
    deployments: context.resource(DeploymentKind),
    sets: setWrites,
    say: sayingOf(DeploymentKind, context.recorder(name)),
    nowMs: () => context.clock.now(),
  };
  return {
    effects,
    setWrites,
    sets: sets.lister,
    setsFor,
    pods: pods.lister,
    setClient: context.resource(ReplicaSetKind),
    deploymentClient: context.resource(DeploymentKind),
  };
}
type Deps = ReturnType<typeof createDeps>;

function claimSets(deployment: Deployment, deps: Deps): Promise<ReplicaSet[]> {
  return claim({
    ownerKind: DeploymentKind,
    owner: deployment,
    selector: deployment.spec.selector,
    candidates: deps.setsFor(deployment),
    children: deps.setClient,
    owners: deps.deploymentClient,
  });
}

/** Writes the status; asks for another look when a deadline runs. */
async function finish(
  deployment: Deployment,
  status: DeploymentStatus,
  deps: Deps,
): Promise<ReconcileResult | undefined> {
  const isWritten = await writeStatus(deployment, status, deps.deploymentClient.updateStatus);
  if (isWritten) return undefined;
  const leftMs = deadlineInMs(deployment, status, deps.effects.nowMs());
  return leftMs === undefined ? undefined : { requeueAfterMs: leftMs + 1000 };
}

interface Pass {
  deployment: Deployment;
  sets: readonly ReplicaSet[];
  deps: Deps;
}

function rolloutStatus({ deployment, sets, deps }: Pass, newSet: ReplicaSet | undefined) {
  const status = computeRolloutStatus(deployment, sets, { newSet, nowMs: deps.effects.nowMs() });
  return finish(deployment, status, deps);
}

/** Sizes only, no roll-out: while paused, and when the number of replicas was changed. */
async function scaleOnly({ deployment, sets, deps }: Pass): Promise<ReconcileResult | undefined> {
  const { newSet, isSettled } = await syncNewSet(deps.effects, deployment, { sets, create: false });
  if (!isSettled) return undefined;
  const oldSets = sets.filter((set) => set !== newSet);
  const isScaled = await scaleSets(deps.effects, deployment, planScale(deployment, newSet, oldSets));
  if (!isScaled && deployment.spec.paused) await deleteSets(deps.effects, planCleanup(deployment, oldSets));
  const status = computeStatus(deployment, sets, { newSet, nowMs: deps.effects.nowMs() });
  return finish(deployment, status, deps);
}

async function rollOut(pass: Pass): Promise<ReconcileResult | undefined> {
  const { deployment, sets, deps } = pass;
  const { newSet, isSettled } = await syncNewSet(deps.effects, deployment, { sets, create: true });
  if (!isSettled || !newSet) return undefined;
  const oldSets = sets.filter((set) => set.metadata.uid !== newSet.metadata.uid);
  const size = newSetReplicas(deployment, newSet, oldSets);
  const grew =
    size !== replicasOf(newSet) && (await scaleSets(deps.effects, deployment, [{ set: newSet, replicas: size }]));
  const moved = grew || (await scaleSets(deps.effects, deployment, planOldSets(deployment, newSet, oldSets)));
  if (!moved && isComplete(deployment, deployment.status)) {
    await deleteSets(deps.effects, planCleanup(deployment, oldSets));
  }
  return rolloutStatus(pass, newSet);
}

/** Whether pods of other sets than the new one may still run. */
function oldPodsRun({ sets, deps }: Pass, newSet: ReplicaSet | undefined): boolean {
  const oldSets = sets.filter((set) => set !== newSet);
  if (oldSets.some((set) => isUnseen(set) || (set.status?.replicas ?? 0) > 0)) return true;
  return oldSets.some((set) =>
    deps.pods.byIndex(byController, set.metadata.uid ?? '').some((pod: Pod) => !isFinished(pod)),
  );
}

async function recreate(pass: Pass): Promise<ReconcileResult | undefined> {
  const { deployment, sets, deps } = pass;
  const present = findNewSet(deployment, sets);
  const down = activeSets(sets.filter((set) => set !== present)).map((set) => ({ set, replicas: 0 }));
  if (await scaleSets(deps.effects, deployment, down)) return rolloutStatus(pass, present);
  if (oldPodsRun(pass, present)) return rolloutStatus(pass, present);
  const { newSet, isSettled } = await syncNewSet(deps.effects, deployment, { sets, create: true });
  if (!isSettled || !newSet) return undefined;
  const replicas = replicasOf(deployment);
  if (replicas !== replicasOf(newSet)) await scaleSets(deps.effects, deployment, [{ set: newSet, replicas }]);
  if (isComplete(deployment, deployment.status)) {
    const oldSets = sets.filter((set) => set.metadata.uid !== newSet.metadata.uid);
    await deleteSets(deps.effects, planCleanup(deployment, oldSets));
  }
  return rolloutStatus(pass, newSet);
}

async function reconcile(deployment: Deployment, deps: Deps): Promise<ReconcileResult | undefined> {
  // What comes brings it here again; what went before it came does not.
  if (!deps.setWrites.areSeen(deployment.metadata.uid ?? '')) return { requeueAfterMs: unseenRetryMs };
  const sets = await claimSets(deployment, deps);
  const nowMs = deps.effects.nowMs();
  const pass = { deployment, sets, deps };
  if (deployment.metadata.deletionTimestamp) {
    return finish(deployment, computeStatus(deployment, sets, { newSet: findNewSet(deployment, sets), nowMs }), deps);
  }
  const pause = pauseCondition(deployment, nowMs);
  if (pause) {
    const conditions = setCondition(deployment.status?.conditions, pause);
    return finish(deployment, { ...deployment.status, conditions }, deps);
  }
  if (deployment.spec.paused || isScalingEvent(deployment, sets)) return scaleOnly(pass);
  return isRolling(deployment) ? rollOut(pass) : recreate(pass);
}

export const deploymentController = defineController({
  name,
  kind: DeploymentKind,
  owns: [ReplicaSetKind],
  related: [
    {
      kind: PodKind,
      // A recreation waits for the last old pod to be gone.
      keys: (pod, old, deps) => {
        const set = pod ? undefined : deps.sets.get(`${old.metadata.namespace}/${controllerOf(old)?.name}`);
        return set ? ownersOf(DeploymentKind, set) : [];
      },
    },
  ],
  concurrency: 5,
  deps: createDeps,
  reconcile,
});
