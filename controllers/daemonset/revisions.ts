// The history of a daemon set: one ControllerRevision for each template it has had. Upstream:
// update.go of pkg/controller/daemon.
import type { ControllerRevision } from '../../api/apps/controllerrevision.ts';
import { type DaemonSet, DaemonSetKind } from '../../api/apps/daemonset.ts';
import type { Pod } from '../../api/core/pod.ts';
import { deleteSeen } from '../../client/delete-seen.ts';
import type { ResourceClient } from '../../client/rest.ts';
import { unlessGone, unlessThere } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { revisionData, revisionOf } from '../pods/template-revision.ts';
import { hashTemplate } from '../template-hash.ts';
import { revisionLabel } from './placement.ts';

export const hashOf = (revision: ControllerRevision) => revision.metadata.labels?.[revisionLabel] ?? '';

/** The revision for the current template, not yet created. Pure. */
export function buildRevision(set: DaemonSet, number: number): ControllerRevision {
  const hash = hashTemplate(set.spec.template, set.status?.collisionCount);
  return revisionOf(DaemonSetKind, set, { number, hash, hashLabel: revisionLabel });
}

/** Revisions beyond the history limit that no pod runs, oldest first. Pure. */
export function planHistoryCleanup(
  set: DaemonSet,
  old: readonly ControllerRevision[],
  pods: readonly Pod[],
): ControllerRevision[] {
  const surplus = old.length - (set.spec.revisionHistoryLimit ?? 10);
  if (surplus <= 0) return [];
  const live = new Set(pods.map((pod) => pod.metadata.labels?.[revisionLabel]));
  return [...old]
    .sort((a, b) => a.revision - b.revision)
    .filter((revision) => !live.has(hashOf(revision)))
    .slice(0, surplus);
}

export interface History {
  current: ControllerRevision;
  old: ControllerRevision[];
  /**
   * Pods go from one revision to another of the same template: what they are labelled is not known
   * before the next pass.
   */
  isMoving?: boolean;
}

export interface HistoryEffects {
  revisionClient: ResourceClient<ControllerRevision>;
  podClient: Pick<ResourceClient<Pod>, 'patch'>;
}

/**
 * Finds the revision of the current template, or makes it. Undefined when its name is taken by
 * something else: the caller counts the collision and comes again.
 */
export async function syncHistory(
  set: DaemonSet,
  { revisions, pods }: { revisions: readonly ControllerRevision[]; pods: readonly Pod[] },
  effects: HistoryEffects,
): Promise<History | undefined> {
  const client = effects.revisionClient;
  const data = revisionData(set);
  const isCurrent = (revision: ControllerRevision) => jsonEqual(revision.data, data);
  const [current, ...doubles] = revisions.filter(isCurrent).sort((a, b) => b.revision - a.revision);
  const old = revisions.filter((revision) => !isCurrent(revision));
  if (current && doubles.length > 0) {
    await dropDoubles(current, { doubles, pods }, effects);
    return { current, old, isMoving: true };
  }
  const number = Math.max(0, ...old.map((revision) => revision.revision)) + 1;
  if (current && current.revision >= number) return { current, old };
  // A template that comes back is the newest again.
  if (current) return { current: await client.update({ ...current, revision: number }), old };
  const wanted = buildRevision(set, number);
  const made = await unlessThere(client.create(wanted));
  const present = made ?? (await client.get(wanted.metadata));
  return made || isCurrent(present) ? { current: present, old } : undefined;
}

/** Deletes further revisions of the current template. Their pods run it, so they become pods of the one that stays. */
async function dropDoubles(
  current: ControllerRevision,
  { doubles, pods }: { doubles: readonly ControllerRevision[]; pods: readonly Pod[] },
  { revisionClient, podClient }: HistoryEffects,
): Promise<void> {
  const hash = hashOf(current);
  const dropped = new Set(doubles.map(hashOf));
  for (const { metadata } of pods) {
    const label = metadata.labels?.[revisionLabel] ?? '';
    if (label === hash || !dropped.has(label)) continue;
    const patch = { metadata: { labels: { [revisionLabel]: hash } } };
    await unlessGone(podClient.patch(metadata, patch, { type: 'strategic' }));
  }
  await deleteRevisions(doubles, revisionClient);
}

export async function deleteRevisions(
  revisions: readonly ControllerRevision[],
  client: ResourceClient<ControllerRevision>,
): Promise<void> {
  for (const revision of revisions) await deleteSeen(client, revision);
}
