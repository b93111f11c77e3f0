// The history of a stateful set: one ControllerRevision for each template it has had. Upstream: getStatefulSetRevisions
// and truncateHistory of pkg/controller/statefulset.
import type { ControllerRevision } from '../../api/apps/controllerrevision.ts';
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ResourceClient } from '../../client/rest.ts';
import { unlessThere } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { revisionData, revisionOf } from '../pods/template-revision.ts';
import { hashRevision } from '../template-hash.ts';
import { revisionLabel } from './identity.ts';

const hashLabel = 'controller.kubernetes.io/hash';

export const nameOf = ({ metadata }: ControllerRevision) => metadata.name ?? '';

/** The set with the template that a revision keeps. */
export function withRevision(set: StatefulSet, revision: ControllerRevision): StatefulSet {
  const { $patch: _, ...template } = (revision.data as any)?.spec?.template ?? set.spec.template;
  return { ...set, spec: { ...set.spec, template } };
}

/** The revision for the template, not yet created. Pure. */
export function buildRevision(set: StatefulSet, number: number, collisionCount: number): ControllerRevision {
  const hash = hashRevision(revisionData(set), collisionCount);
  return revisionOf(StatefulSetKind, set, { number, hash, hashLabel });
}

export interface History {
  current: ControllerRevision;
  update: ControllerRevision;
  collisionCount: number;
}

/** Finds the revision of the template, or makes it; and that of pods which are not updated yet. */
export async function syncHistory(
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
  client: ResourceClient<ControllerRevision>,
): Promise<History> {
  const sorted = [...revisions].sort((a, b) => a.revision - b.revision);
  const next = (sorted.at(-1)?.revision ?? 0) + 1;
  const data = revisionData(set);
  const same = sorted.findLast((revision) => jsonEqual(revision.data, data));
  const made = same
    ? // A template that comes back is the newest again.
      { update: same === sorted.at(-1) ? same : await client.update({ ...same, revision: next }) }
    : await createRevision(set, next, client);
  const current = sorted.find((revision) => nameOf(revision) === set.status?.currentRevision) ?? made.update;
  return { collisionCount: set.status?.collisionCount ?? 0, ...made, current };
}

async function createRevision(set: StatefulSet, number: number, client: ResourceClient<ControllerRevision>) {
  for (let collisionCount = set.status?.collisionCount ?? 0; ; collisionCount++) {
    const wanted = buildRevision(set, number, collisionCount);
    const made = await unlessThere(client.create(wanted));
    // Made a moment ago, and not seen yet; else another template has the same hash.
    const update = made ?? (await client.get(wanted.metadata));
    if (made || jsonEqual(update.data, wanted.data)) return { update, collisionCount };
  }
}

/** Revisions beyond the history limit that nothing runs, oldest first. Pure. */
export function planHistoryCleanup(
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
  { pods, current, update }: Pick<History, 'current' | 'update'> & { pods: readonly Pod[] },
): ControllerRevision[] {
  const live = new Set([nameOf(current), nameOf(update), ...pods.map((pod) => pod.metadata.labels?.[revisionLabel])]);
  const old = revisions.filter((revision) => !live.has(nameOf(revision))).sort((a, b) => a.revision - b.revision);
  const limit = set.spec.revisionHistoryLimit ?? 10;
  return limit < 0 ? [] : old.slice(0, Math.max(0, old.length - limit));
}
