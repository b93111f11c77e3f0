// Takes and removes the snapshots of one driver on one node, for contents in the API, and says in their status how far
// they are. Everything is repeatable: a snapshot is named by its object's uid, and the content says before the driver is
// asked that it has been. Upstream: csi-snapshotter, the sidecar of external-snapshotter, one a node.
import {
  beingCreated,
  beingDeleted,
  contentFinalizer,
  managedByNode,
  snapshotGroup,
  VolumeSnapshotClassKind,
  type VolumeSnapshotContent,
  VolumeSnapshotContentKind,
} from '../../api/snapshot/volume-snapshots.ts';
import { defineController, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isConflict, messageOf, unlessGone } from '../../machinery/errors.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Snapshot } from '../../proto/csi.gen.ts';
import { isFinal } from '../csi/rpc-outcome.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import { driverParameters, type ProvisionerDeps } from './context.ts';

/** A driver that has taken a snapshot and still works on it is asked again. */
const lookAgainMs = 5_000;

export interface SnapshotDeps extends Pick<ProvisionerDeps, 'client' | 'driver' | 'nodeName'> {
  clock: Clock;
  say: ReturnType<typeof sayingOf<VolumeSnapshotContent>>;
}

export const snapshotsController = (deps: Omit<SnapshotDeps, 'say' | 'clock'>) =>
  defineController({
    name: 'csi-snapshots',
    kind: VolumeSnapshotContentKind,
    concurrency: 10,
    deps: ({ clock, recorder }): SnapshotDeps => {
      const say = sayingOf(VolumeSnapshotContentKind, recorder(`csi-snapshotter ${deps.driver.name}`));
      return { ...deps, clock, say };
    },
    reconcile: (content, own) => keepSnapshot(own, content),
  });

/** Brings the driver's snapshot to where the content says, and the content's status to what the driver says. */
export async function keepSnapshot(
  deps: SnapshotDeps,
  content: VolumeSnapshotContent,
): Promise<ReconcileResult | undefined> {
  const { driver, nodeName } = deps;
  const { metadata, spec, status } = content;
  const node = metadata.labels?.[managedByNode];
  // Without a node somebody else has made it: who has the snapshot takes it.
  const isElsewhere = node === undefined ? spec.source.snapshotHandle === undefined : node !== nodeName;
  if (spec.driver !== driver.name || isElsewhere) return undefined;
  if (isToGo(content)) return remove(deps, content);
  if (status?.readyToUse) return void (await markAsked(deps, content, false));
  try {
    const snapshot = await (spec.source.snapshotHandle === undefined ? take(deps, content) : find(deps, content));
    return snapshot.ready_to_use ? undefined : { requeueAfterMs: lookAgainMs };
  } catch (err) {
    if (isConflict(err)) throw err; // it has changed, and is looked at again
    const isFirst = spec.source.snapshotHandle === undefined && !status;
    const what = isFirst ? 'Failed to create snapshot' : 'Failed to check and update snapshot content';
    const reason = isFirst ? 'SnapshotCreationFailed' : 'SnapshotContentCheckandUpdateFailed';
    await tell(deps, content, reason, `${what}: ${messageOf(err)}`);
    throw err;
  }
}

/** Whether the snapshot of a deleted content may go: not while the driver may be taking it, nor while an object uses it. */
function isToGo({ metadata, spec }: VolumeSnapshotContent): boolean {
  if (!metadata.deletionTimestamp) return false;
  if (spec.source.snapshotHandle !== undefined && !spec.volumeSnapshotRef.uid) return true;
  const { [beingCreated]: asked, [beingDeleted]: isGoing } = metadata.annotations ?? {};
  return asked === undefined && isGoing !== undefined;
}

async function remove(deps: SnapshotDeps, content: VolumeSnapshotContent): Promise<undefined> {
  const { client, driver } = deps;
  const handle = content.status?.snapshotHandle;
  let current = content;
  if (content.spec.deletionPolicy === 'Delete' && handle !== undefined) {
    try {
      await driver.client.controller.DeleteSnapshot({ snapshot_id: handle });
    } catch (err) {
      deps.say(content, 'Warning', 'SnapshotDeleteError', 'Failed to delete snapshot');
      throw new Error(`failed to delete snapshot ${content.metadata.name}: ${describeRpcError(err)}`);
    }
    const gone = { snapshotHandle: null, readyToUse: null, creationTime: null, restoreSize: null };
    current = await writeStatus(deps, content, gone);
  }
  const { metadata } = current;
  if (!metadata.finalizers?.includes(contentFinalizer)) return;
  const finalizers = metadata.finalizers.filter((one) => one !== contentFinalizer);
  // As it was seen: one that the driver has been asked for meanwhile stays.
  const freed = { ...current, metadata: { ...metadata, finalizers } };
  await unlessGone(client.resource(VolumeSnapshotContentKind).update(freed));
}

async function take(deps: SnapshotDeps, content: VolumeSnapshotContent): Promise<Snapshot> {
  const { client, driver } = deps;
  const { source, volumeSnapshotClassName: className, volumeSnapshotRef } = content.spec;
  const inputs = `failed to get input parameters to create snapshot for content ${content.metadata.name}`;
  const classes = client.resource(VolumeSnapshotClassKind);
  const snapshotClass = className === undefined ? undefined : await unlessGone(classes.get({ name: className }));
  if (!snapshotClass) {
    const why = `volumesnapshotclass.${snapshotGroup} "${className ?? ''}" not found`;
    throw new Error(`${inputs}: ${JSON.stringify(why)}`);
  }
  const asked = await markAsked(deps, content, true);
  let snapshot: Snapshot;
  try {
    const answer = await driver.client.controller.CreateSnapshot({
      source_volume_id: source.volumeHandle ?? '',
      name: `snapshot-${volumeSnapshotRef.uid}`,
      parameters: driverParameters(snapshotClass.parameters),
    });
    snapshot = answer.snapshot!;
  } catch (err) {
    if (isFinal(err)) await markAsked(deps, asked, false);
    const why = JSON.stringify(describeRpcError(err));
    throw new Error(`failed to take snapshot of the volume ${source.volumeHandle}: ${why}`);
  }
  await writeStatus(deps, content, statusOf(snapshot));
  await markAsked(deps, asked, false);
  return snapshot;
}

/** One that was there before. */
async function find(deps: SnapshotDeps, content: VolumeSnapshotContent): Promise<Snapshot> {
  const { name = '', labels } = content.metadata;
  const snapshot_id = content.spec.source.snapshotHandle ?? '';
  const { entries } = await deps.driver.client.controller.ListSnapshots({ snapshot_id });
  const snapshot = entries[0]?.snapshot;
  if (!snapshot) {
    const why = JSON.stringify(`can not find snapshot for snapshotID ${snapshot_id}`);
    throw new Error(`failed to list snapshot for content ${name}: ${why}`);
  }
  if (labels?.[managedByNode] === undefined)
    await patch(deps, content, { metadata: { labels: { [managedByNode]: deps.nodeName } } });
  await writeStatus(deps, content, statusOf(snapshot));
  return snapshot;
}

const statusOf = ({ snapshot_id, ready_to_use, creation_time, size_bytes }: Snapshot) => ({
  snapshotHandle: snapshot_id,
  readyToUse: ready_to_use,
  ...(creation_time ? { creationTime: Number(creation_time.seconds) * 1e9 + creation_time.nanos } : {}),
  ...(Number(size_bytes) > 0 ? { restoreSize: Number(size_bytes) } : {}),
  error: null,
});

/** Notes that the driver has been asked, or that it has answered. */
async function markAsked(deps: SnapshotDeps, content: VolumeSnapshotContent, isAsked: boolean) {
  const { annotations = {}, resourceVersion } = content.metadata;
  if (isAsked === (annotations[beingCreated] !== undefined)) return content;
  const mark = { annotations: { [beingCreated]: isAsked ? 'yes' : null } };
  // One that is being deleted since is not asked for.
  return patch(deps, content, { metadata: isAsked ? { ...mark, resourceVersion } : mark });
}

const patch = ({ client }: SnapshotDeps, { metadata }: VolumeSnapshotContent, change: object, more: object = {}) =>
  client.resource(VolumeSnapshotContentKind).patch({ name: metadata.name ?? '' }, change, { type: 'merge', ...more });

const writeStatus = (deps: SnapshotDeps, content: VolumeSnapshotContent, status: object) =>
  patch(deps, content, { status }, { subresource: 'status' });

async function tell(deps: SnapshotDeps, content: VolumeSnapshotContent, reason: string, message: string) {
  if (content.status?.error?.message === message) return;
  const error = { time: timestamp(deps.clock.now()), message };
  await writeStatus(deps, content, { readyToUse: false, error });
  deps.say(content, 'Warning', reason, message);
}
