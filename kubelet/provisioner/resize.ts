// Makes the volume of a claim larger when the claim asks for more, and says how far that is in the
// claim's status. Upstream: external-resizer. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import { type PersistentVolumeClaim, resizeConditions } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { targetOf } from '../../client/events.ts';
import { compareQuantities, quantityValue } from '../../machinery/quantity.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import { isOurs, type ProvisionerDeps } from './context.ts';

type Status = NonNullable<PersistentVolumeClaim['status']>;

/** The volume that has to become larger, or undefined. */
export function volumeToGrow(
  deps: ProvisionerDeps,
  { metadata, spec, status }: PersistentVolumeClaim,
): PersistentVolume | undefined {
  const wanted = spec.resources?.requests?.storage;
  const has = status?.capacity?.storage;
  if (status?.phase !== 'Bound' || !wanted || !has || metadata.deletionTimestamp || compareQuantities(wanted, has) <= 0)
    return undefined;
  // The node's kubelet does the rest.
  if (status.allocatedResourceStatuses?.storage?.startsWith('NodeResize')) return undefined;
  const volume = deps.volume(spec.volumeName ?? '');
  if (!volume || !isOurs(volume, deps.driver) || volume.spec.claimRef?.uid !== metadata.uid) return undefined;
  return volume;
}

export async function grow(
  deps: ProvisionerDeps,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  nowMs: number,
): Promise<void> {
  const { client, driver, events } = deps;
  const target = targetOf(PersistentVolumeClaimKind, claim);
  const wanted = claim.spec.resources?.requests?.storage ?? '0';
  const name = volume.metadata.name ?? '';
  const begun = await writeStatus(deps, claim, {
    conditions: withCondition(claim.status ?? {}, 'Resizing', timestamp(nowMs)),
    allocatedResources: { ...claim.status?.allocatedResources, storage: wanted },
    allocatedResourceStatuses: { ...claim.status?.allocatedResourceStatuses, storage: 'ControllerResizeInProgress' },
  });
  events.event(target, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
  let needsNode: boolean;
  let size = wanted;
  try {
    const answer = await driver.client.controller.ControllerExpandVolume({
      volume_id: volume.spec.csi?.volumeHandle ?? '',
      capacity_range: { required_bytes: String(Math.ceil(quantityValue(wanted))) },
    });
    needsNode = answer.node_expansion_required;
    if (Number(answer.capacity_bytes) > quantityValue(wanted)) size = answer.capacity_bytes;
    const patch = { spec: { capacity: { storage: size } } };
    await client.resource(PersistentVolumeKind).patch({ name }, patch, { type: 'merge' });
  } catch (err) {
    const text = `resize volume "${name}" by resizer "${driver.name}" failed: ${describeRpcError(err)}`;
    events.event(target, 'Warning', 'VolumeResizeFailed', text);
    throw err;
  }
  const { storage: _, ...others } = begun.status?.allocatedResourceStatuses ?? {};
  if (needsNode) {
    await writeStatus(deps, begun, {
      conditions: withCondition(begun.status ?? {}, 'FileSystemResizePending', timestamp(nowMs)),
      allocatedResourceStatuses: { ...others, storage: 'NodeResizePending' },
    });
    events.event(target, 'Normal', 'FileSystemResizeRequired', 'Require file system resize of volume on node');
    return;
  }
  await writeStatus(deps, begun, {
    capacity: { ...begun.status?.capacity, storage: size },
    conditions: (begun.status?.conditions ?? []).filter(({ type }) => !resizeConditions.has(type)),
    allocatedResourceStatuses: others,
  });
  events.event(target, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
}

/** The conditions with this one in place of others about resizing. */
function withCondition(status: Status, type: string, now: string): Status['conditions'] {
  const others = (status.conditions ?? []).filter((one) => !resizeConditions.has(one.type));
  const known = status.conditions?.find((one) => one.type === type);
  const message =
    type === 'FileSystemResizePending'
      ? 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.'
      : '';
  const fresh = { type, status: 'True', lastProbeTime: now, lastTransitionTime: known?.lastTransitionTime ?? now };
  return [...others, message ? { ...fresh, message } : fresh] as Status['conditions'];
}

function writeStatus(
  { client }: ProvisionerDeps,
  claim: PersistentVolumeClaim,
  change: Partial<Status>,
): Promise<PersistentVolumeClaim> {
  return client.resource(PersistentVolumeClaimKind).updateStatus({ ...claim, status: { ...claim.status, ...change } });
}
