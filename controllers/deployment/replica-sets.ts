// Writes to the replica sets of a deployment: the set of its current template, and their sizes.
// Upstream: sync.go of pkg/controller/deployment.
import { type Deployment, DeploymentKind } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import { deleteSeen } from '../../client/delete-seen.ts';
import type { OwnWrites } from '../../client/own-writes.ts';
import type { ResourceClient } from '../../client/rest.ts';
import { isAlreadyExists, messageOf } from '../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import { controllerOf } from '../../machinery/metadata.ts';
import { controllerRef } from '../pods/claim.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { setCondition } from '../status.ts';
import { hashTemplate } from '../template-hash.ts';
import { replicasOf } from './fence.ts';
import {
  findNewSet,
  hashLabel,
  newSetAnnotations,
  nextRevision,
  replicaAnnotations,
  revisionAnnotation,
  runsTemplate,
} from './revision.ts';
import { newSetReplicas, type SetScale } from './scale-plan.ts';
import { condition, conditionOf, hasProgressDeadline } from './status.ts';

/** What a deployment's pass needs of the world. */
export interface SetEffects {
  deployments: Pick<ResourceClient<Deployment>, 'updateStatus'>;
  sets: Pick<OwnWrites<ReplicaSet>, 'get' | 'create' | 'update' | 'delete'>;
  say(deployment: Deployment, type: 'Normal' | 'Warning', reason: string, message: string): void;
  nowMs(): number;
}

/** The replica set for the deployment's template, not yet created. Pure. */
export function buildNewSet(deployment: Deployment, oldSets: readonly ReplicaSet[], revision: bigint): ReplicaSet {
  const { metadata, spec, status } = deployment;
  const template = cloneJson(spec.template!);
  const hash = hashTemplate(template, status?.collisionCount);
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [hashLabel]: hash } };
  const annotations = { ...newSetAnnotations(deployment, undefined, revision), ...replicaAnnotations(deployment) };
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace ?? '',
      labels: { ...template.metadata.labels },
      annotations,
      ownerReferences: [controllerRef(DeploymentKind, deployment)],
    },
    spec: {
      replicas: newSetReplicas(deployment, undefined, oldSets),
      ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: {
        ...cloneJson(spec.selector),
        matchLabels: { ...spec.selector?.matchLabels, [hashLabel]: hash },
      },
      template,
    },
  } as ReplicaSet;
}

/**
 * The outcome of looking after the new set: `isSettled` is false when something was written and the
 * pass should end.
 */
export interface NewSet {
  newSet: ReplicaSet | undefined;
  isSettled: boolean;
}

/** Finds the set of the current template and keeps its annotations; creates it when it is missing and wanted. */
export async function syncNewSet(
  effects: SetEffects,
  deployment: Deployment,
  { sets, create }: { sets: readonly ReplicaSet[]; create: boolean },
): Promise<NewSet> {
  const found = findNewSet(deployment, sets);
  const oldSets = sets.filter((set) => set !== found);
  const revision = nextRevision(oldSets);
  if (!found)
    return create ? createNewSet(effects, deployment, { oldSets, revision }) : { newSet: undefined, isSettled: true };
  const annotations = newSetAnnotations(deployment, found.metadata.annotations, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const isCurrent = jsonEqual(annotations, found.metadata.annotations);
  if (!isCurrent || (found.spec.minReadySeconds ?? 0) !== minReadySeconds) {
    const metadata = { ...found.metadata, annotations };
    await effects.sets.update({ ...found, metadata, spec: { ...found.spec, minReadySeconds } });
    return { newSet: found, isSettled: false };
  }
  const progressing = {
    reason: 'FoundNewReplicaSet',
    message: `Found new replica set ${JSON.stringify(found.metadata.name)}`,
  };
  const isNoted = await noteNewSet(effects, deployment, {
    revision: annotations[revisionAnnotation] ?? '',
    ...(conditionOf(deployment.status, 'Progressing') ? {} : { progressing }),
  });
  return { newSet: found, isSettled: !isNoted };
}

interface NewSetNote {
  revision: string;
  progressing?: { reason: string; message: string };
}

/** Writes revision and progress into the deployment; false when they are there already. */
async function noteNewSet(effects: SetEffects, deployment: Deployment, note: NewSetNote): Promise<boolean> {
  const { metadata, status } = deployment;
  const annotations = { ...metadata.annotations, [revisionAnnotation]: note.revision };
  const isNew = note.progressing && hasProgressDeadline(deployment);
  if (!isNew && metadata.annotations?.[revisionAnnotation] === note.revision) return false;
  const conditions = isNew
    ? setCondition(
        status?.conditions,
        condition('Progressing', 'True', { ...note.progressing!, nowMs: effects.nowMs() }),
      )
    : status?.conditions;
  // Through the status, so that the generation stays: this is no wish of the user.
  await effects.deployments.updateStatus({
    ...deployment,
    metadata: { ...metadata, annotations },
    status: { ...status, ...(conditions ? { conditions } : {}) },
  });
  return true;
}

async function createNewSet(
  effects: SetEffects,
  deployment: Deployment,
  { oldSets, revision }: { oldSets: readonly ReplicaSet[]; revision: bigint },
): Promise<NewSet> {
  const wanted = buildNewSet(deployment, oldSets, revision);
  const { name = '' } = wanted.metadata;
  let newSet = wanted;
  let isFresh = true;
  try {
    newSet = await effects.sets.create(wanted);
  } catch (err) {
    if (isNamespaceTerminating(err)) return { newSet: undefined, isSettled: false };
    if (!isAlreadyExists(err)) return failToCreate(effects, deployment, { name, err });
    // Made by a pass whose result the cache has not seen, or a stranger of the same name.
    const present = await effects.sets.get(wanted.metadata);
    const isOurs = controllerOf(present)?.uid === deployment.metadata.uid;
    if (!isOurs || !runsTemplate(present, deployment.spec.template)) {
      const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
      await effects.deployments.updateStatus({ ...deployment, status: { ...deployment.status, collisionCount } });
      return { newSet: undefined, isSettled: false };
    }
    newSet = present;
    isFresh = false;
  }
  if (isFresh && replicasOf(newSet) > 0) {
    const message = `Scaled up replica set ${name} from 0 to ${replicasOf(newSet)}`;
    effects.say(deployment, 'Normal', 'ScalingReplicaSet', message);
  }
  const progressing = { reason: 'NewReplicaSetCreated', message: `Created new replica set ${JSON.stringify(name)}` };
  const isNoted = await noteNewSet(effects, deployment, {
    revision: newSet.metadata.annotations?.[revisionAnnotation] ?? '',
    ...(isFresh ? { progressing } : {}),
  });
  return { newSet, isSettled: !isNoted };
}

async function failToCreate(
  effects: SetEffects,
  deployment: Deployment,
  { name, err }: { name: string; err: unknown },
): Promise<never> {
  const why = messageOf(err);
  const message = `Failed to create new replica set ${JSON.stringify(name)}: ${why}`;
  effects.say(deployment, 'Warning', 'ReplicaSetCreateError', message);
  if (hasProgressDeadline(deployment)) {
    const failed = condition('Progressing', 'False', {
      reason: 'ReplicaSetCreateError',
      message: why,
      nowMs: effects.nowMs(),
    });
    const conditions = setCondition(deployment.status?.conditions, failed);
    if (!jsonEqual(conditions, deployment.status?.conditions)) {
      await effects.deployments.updateStatus({ ...deployment, status: { ...deployment.status, conditions } });
    }
  }
  throw err;
}

/** Gives sets their sizes. True when one changed. */
export async function scaleSets(
  effects: SetEffects,
  deployment: Deployment,
  scales: readonly SetScale[],
): Promise<boolean> {
  let isChanged = false;
  for (const { set, replicas } of scales) {
    const before = replicasOf(set);
    const annotations = { ...set.metadata.annotations, ...replicaAnnotations(deployment) };
    if (before === replicas && jsonEqual(annotations, set.metadata.annotations)) continue;
    const metadata = { ...set.metadata, annotations };
    await effects.sets.update({ ...set, metadata, spec: { ...set.spec, replicas } });
    isChanged = true;
    if (before === replicas) continue;
    const direction = before < replicas ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    effects.say(deployment, 'Normal', 'ScalingReplicaSet', message);
  }
  return isChanged;
}

/** Deletes sets that the history no longer needs. */
export async function deleteSets(effects: SetEffects, sets: readonly ReplicaSet[]): Promise<void> {
  for (const set of sets) await deleteSeen(effects.sets, set);
}
