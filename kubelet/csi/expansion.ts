// The node's part of making a volume larger: where the persistent volume is larger than its claim
// knows, the driver grows the file system, and the claim is told. Upstream: node_expander.go in
// pkg/volume/util/operationexecutor.
import { status as RpcStatus } from '@grpc/grpc-js';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { type EventRecorder, targetOf } from '../../client/events.ts';
import type { KubeClient } from '../../client/rest.ts';
import { compareQuantities, quantityValue } from '../../machinery/quantity.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { eventTarget } from '../pods/pod-text.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import type { VolumeContext } from '../volumes/plugin.ts';
import { accessModeOf, capabilityOf } from './access-modes.ts';
import type { CsiVolumes } from './csi-volumes.ts';
import type { CsiDriver } from './drivers.ts';
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
  {
    client,
    volumes,
    events,
    nodeName,
  }: { client: KubeClient; volumes: CsiVolumes; events: EventRecorder; nodeName: string },
  { context, driver, data, path }: Expansion,
): Promise<void> {
  const { pv, claim } = context;
  const size = pv?.spec.capacity?.storage;
  const known = claim?.status?.capacity?.storage;
  if (!pv || !claim || size === undefined || known === undefined || compareQuantities(size, known) <= 0) return;
  const stages = driver.capabilities.has('STAGE_UNSTAGE_VOLUME');
  const mode = accessModeOf(pv.spec.accessModes?.[0] ?? '', driver.capabilities.has('SINGLE_NODE_MULTI_WRITER'));
  const { mountOptions, volumeMode } = pv.spec;
  const csi = pv.spec.csi!;
  const secrets = await readSecret(client, csi.nodeExpandSecretRef);
  try {
    await driver.client.node.NodeExpandVolume({
      volume_id: data.volumeHandle,
      volume_path: path,
      capacity_range: { required_bytes: String(quantityValue(size)) },
      staging_target_path: stages ? volumes.stagePathOf(data) : '',
      volume_capability: capabilityOf(mode, { fsType: csi.fsType, mountOptions, volumeMode }),
      secrets,
    });
  } catch (err) {
    if (isRpcError(err) && err.code === RpcStatus.FAILED_PRECONDITION) return;
    throw new Error(describeRpcError(err), { cause: err });
  }
  const told = `MountVolume.NodeExpandVolume succeeded for volume "${pv.metadata.name}" ${nodeName}`;
  for (const target of [eventTarget(context.pod), targetOf(PersistentVolumeClaimKind, claim)])
    events.event(target, 'Normal', 'FileSystemResizeSuccessful', told);
  const { name = '', namespace = '' } = claim.metadata;
  const settled = new Set(['Resizing', 'FileSystemResizePending']);
  const conditions = (claim.status?.conditions ?? []).filter(({ type }) => !settled.has(type));
  const status = {
    capacity: { ...claim.status?.capacity, storage: size },
    conditions,
    allocatedResourceStatuses: null,
  };
  const claims = client.resource(PersistentVolumeClaimKind);
  await claims.patch({ namespace, name }, { status }, { type: 'merge', subresource: 'status' });
}
