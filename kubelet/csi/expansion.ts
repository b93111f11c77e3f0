// The node's part of making a volume larger: where the persistent volume is larger than its claim
// knows, the driver grows the file system, and the claim is told how far that is. Upstream:
// node_expander.go in pkg/volume/util/operationexecutor; KEP-1790.

import { status as RpcStatus } from '@grpc/grpc-js';
import { resizeConditions } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { targetOf } from '../../client/events.ts';
import { compareQuantities, quantityInteger } from '../../machinery/quantity.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { eventTarget } from '../pods/pod-text.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import type { VolumeContext } from '../volumes/plugin.ts';
import { accessModeOf, capabilityOf } from './access-modes.ts';
import type { CsiPluginDeps } from './csi-plugin.ts';
import type { CsiDriver } from './drivers.ts';
import { isFinal, isInfeasible } from './rpc-outcome.ts';
import { readSecret } from './secret-data.ts';
import type { VolumeData } from './volume-data.ts';

interface Expansion {
  context: VolumeContext;
  driver: CsiDriver;
  data: VolumeData;
  path: string;
}

/** Throws with a text for an event. What the driver cannot do while the volume is in use keeps nobody from it. */
export async function expandOnNode(
  { client, volumes, events, nodeName }: Pick<CsiPluginDeps, 'client' | 'volumes' | 'events' | 'nodeName'>,
  { context, driver, data, path }: Expansion,
): Promise<void> {
  const { pv, claim } = context;
  const size = pv?.spec.capacity?.storage;
  const known = claim?.status?.capacity?.storage;
  if (!pv || !claim || size === undefined || known === undefined || compareQuantities(size, known) <= 0) return;
  const { name = '', namespace = '' } = claim.metadata;
  const tell = (status: object) =>
    client
      .resource(PersistentVolumeClaimKind)
      .patch({ namespace, name }, { status }, { type: 'merge', subresource: 'status' });
  const before = claim.status?.conditions ?? [];
  const phase = claim.status?.allocatedResourceStatuses?.storage;
  // It is tried again when whoever resizes it says so.
  if (phase === 'NodeResizeInfeasible') return;
  if (phase === 'NodeResizePending') await tell({ allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } });
  const stages = driver.capabilities.has('STAGE_UNSTAGE_VOLUME');
  const mode = accessModeOf(pv.spec.accessModes?.[0] ?? '', driver.capabilities.has('SINGLE_NODE_MULTI_WRITER'));
  const { mountOptions, volumeMode } = pv.spec;
  const csi = pv.spec.csi!;
  const secrets = await readSecret(client, csi.nodeExpandSecretRef);
  try {
    await driver.client.node.NodeExpandVolume({
      volume_id: data.volumeHandle,
      volume_path: path,
      capacity_range: { required_bytes: quantityInteger(size) },
      staging_target_path: stages ? volumes.stagePathOf(data) : '',
      volume_capability: capabilityOf(mode, { fsType: csi.fsType, mountOptions, volumeMode }),
      secrets,
    });
  } catch (err) {
    const why = describeRpcError(err);
    if (isFinal(err)) {
      const isHopeless = isInfeasible(err);
      const message = `failed to expand pvc with Expander.NodeExpand failed to expand the volume ${isHopeless ? '' : ': '}${why}`;
      const lastTransitionTime = timestamp(context.nowMs());
      const error = { type: 'NodeResizeError', status: 'True', lastProbeTime: null, lastTransitionTime, message };
      const others = before.filter(({ type }) => type !== error.type);
      const isKnown = before.some((one) => one.type === error.type && one.message === message);
      const allocatedResourceStatuses = isHopeless ? { storage: 'NodeResizeInfeasible' } : {};
      if (!isKnown || isHopeless) await tell({ conditions: [...others, error], allocatedResourceStatuses });
      if (isRpcError(err) && err.code === RpcStatus.FAILED_PRECONDITION) return;
    }
    throw new Error(why, { cause: err });
  }
  const told = `MountVolume.NodeExpandVolume succeeded for volume "${pv.metadata.name}" ${nodeName}`;
  for (const target of [eventTarget(context.pod), targetOf(PersistentVolumeClaimKind, claim)])
    events.event(target, 'Normal', 'FileSystemResizeSuccessful', told);
  await tell({
    capacity: { ...claim.status?.capacity, storage: size },
    conditions: before.filter(({ type }) => !resizeConditions.has(type)),
    allocatedResourceStatuses: null,
  });
}
