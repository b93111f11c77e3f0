// Revisions of a deployment: each replica set is one, numbered by an annotation. What is copied
// from the deployment to its sets. Upstream: pkg/controller/deployment/util.
import type { Deployment } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import type { PodTemplateSpec } from '../../api/core/pod/pod-template.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { maxSurgeOf } from './fence.ts';

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';

const maxHistoryLength = 2000;

/** Annotations of a deployment that say something about itself alone. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

/** The revision that a set's annotation says, 0 when it says none. It has 64 bits, more than a number keeps. */
export function revisionOf({ metadata }: Pick<ReplicaSet, 'metadata'>): bigint {
  const text = metadata.annotations?.[revisionAnnotation] ?? '';
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}

/** The revision after those of the sets. */
export function nextRevision(sets: readonly ReplicaSet[]): bigint {
  let highest = 0n;
  for (const revision of sets.map(revisionOf)) if (revision > highest) highest = revision;
  return highest + 1n;
}

export function compareCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return x < y ? -1 : x > y ? 1 : (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [hashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

/** Whether the set runs the deployment's template. */
export function runsTemplate(set: ReplicaSet, template: PodTemplateSpec | undefined): boolean {
  return jsonEqual(withoutHash(set.spec.template), withoutHash(template));
}

/** The set of the deployment's template; the oldest, should there be several. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(compareCreation).find((set) => runsTemplate(set, deployment.spec.template));
}

/** Annotations by which a later scaling knows the proportions of this one. */
export function replicaAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = deployment.spec.replicas ?? 1;
  return { [desiredAnnotation]: String(replicas), [maxAnnotation]: String(replicas + maxSurgeOf(deployment)) };
}

/**
 * The annotations of the new set at a revision: the deployment's own, the revision, and which
 * revisions it was before. Pure.
 */
export function newSetAnnotations(
  deployment: Deployment,
  present: Record<string, string> | undefined,
  revision: bigint,
): Record<string, string> {
  const annotations = { ...present };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notCopied.has(key)) annotations[key] = value;
  }
  const before = present?.[revisionAnnotation];
  if (revisionOf({ metadata: { annotations: present ?? {} } }) >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before === undefined) return annotations;
  const history = (annotations[historyAnnotation] ?? '').split(',').filter((r) => r !== '');
  history.push(before);
  while (history.join(',').length > maxHistoryLength) history.shift();
  annotations[historyAnnotation] = history.join(',');
  return annotations;
}

/** Old sets beyond the history limit that nothing runs any more, lowest revision first. Pure. */
export function planCleanup(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined) return [];
  const alive = oldSets.filter((set) => !set.metadata.deletionTimestamp);
  const surplus = alive.length - limit;
  if (surplus <= 0) return [];
  return [...alive]
    .sort((a, b) => Number(revisionOf(a) - revisionOf(b)) || compareCreation(a, b))
    .slice(0, surplus)
    .filter(
      ({ spec, status, metadata }) =>
        (status?.replicas ?? 0) === 0 &&
        spec.replicas === 0 &&
        (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0),
    );
}
