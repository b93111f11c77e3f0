// Removes the volume of a claim that is gone, where the reclaim policy says so; its object goes last.
// Upstream: shouldDelete and deleteVolumeOperation of sig-storage-lib-external-provisioner.
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import { targetOf } from '../../client/events.ts';
import { isNotFound } from '../../machinery/errors.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import { finalizer, isOurs, type ProvisionerDeps, provisionedBy } from './context.ts';

export async function reclaim(deps: ProvisionerDeps, volume: PersistentVolume): Promise<void> {
  const { client, driver, events } = deps;
  const { metadata, spec, status } = volume;
  if (!isOurs(volume, driver) || metadata.annotations?.[provisionedBy] !== driver.name) return;
  const isHeld = (metadata.finalizers ?? []).includes(finalizer);
  const isDeleting = metadata.deletionTimestamp !== undefined;
  const isToGo = spec.persistentVolumeReclaimPolicy === 'Delete';
  if (status?.phase !== 'Released' || !isToGo || (isDeleting && !isHeld)) {
    // Whose data are kept is held no longer; whose are not is held until they are gone.
    if (isHeld && !isToGo) await setFinalizer(deps, volume, false);
    else if (!isHeld && isToGo && !isDeleting) await setFinalizer(deps, volume, true);
    return;
  }
  try {
    await driver.client.controller.DeleteVolume({ volume_id: spec.csi?.volumeHandle ?? '' });
  } catch (err) {
    events.event(targetOf(PersistentVolumeKind, volume), 'Warning', 'VolumeFailedDelete', describeRpcError(err));
    throw err;
  }
  const volumes = client.resource(PersistentVolumeKind);
  try {
    if (!isDeleting) await volumes.delete({ name: metadata.name ?? '' }, { uid: metadata.uid ?? '' });
    if (isHeld) await setFinalizer(deps, await volumes.get({ name: metadata.name ?? '' }), false);
  } catch (err) {
    if (!isNotFound(err)) throw err; // gone is what was wanted
  }
}

async function setFinalizer({ client }: ProvisionerDeps, volume: PersistentVolume, isHeld: boolean): Promise<void> {
  const others = (volume.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  const finalizers = isHeld ? [...others, finalizer] : others;
  await client.resource(PersistentVolumeKind).update({ ...volume, metadata: { ...volume.metadata, finalizers } });
}
