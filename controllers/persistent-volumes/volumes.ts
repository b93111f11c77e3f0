// What becomes of a volume: it is free, bound, or released because its claim is gone. Upstream: syncVolume in
// pkg/controller/volume/persistentvolume.
import { claimKeyOf, hasAnnotation, provisionedBy, volumeModeOf } from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { unlessGone } from '../../machinery/errors.ts';
import type { Word, Writes } from './writes.ts';

export interface VolumeDeps {
  writes: Writes;
  /** Looks at a claim soon. */
  enqueueClaim(key: string): void;
}

export async function syncVolume(volume: PersistentVolume, { writes, enqueueClaim }: VolumeDeps): Promise<undefined> {
  // Without the claim's uid it is only set aside for a name: the claim's turn takes it.
  if (!volume.spec.claimRef?.uid) {
    await writes.setVolumePhase(volume, 'Available');
    return;
  }
  const claim = await findClaim(volume, writes);
  if (!claim) await release(volume, writes);
  else if (claim.spec.volumeName === volume.metadata.name) await writes.setVolumePhase(volume, 'Bound');
  else if (!claim.spec.volumeName) {
    if (volumeModeOf(claim) === volumeModeOf(volume)) enqueueClaim(claimKeyOf(volume)!);
    else tellModes(volume, claim, writes);
  } else if (isMadeForClaim(volume)) await release(volume, writes);
  else await writes.unbind(volume);
}

const isMadeForClaim = (volume: PersistentVolume) =>
  hasAnnotation(volume, provisionedBy) && volume.spec.persistentVolumeReclaimPolicy === 'Delete';

/** The claim that the volume belongs to, by name and uid. Before it counts as gone the server is asked. */
async function findClaim(volume: PersistentVolume, writes: Writes): Promise<PersistentVolumeClaim | undefined> {
  const { uid, ...target } = volume.spec.claimRef!;
  const cached = writes.claims.get(claimKeyOf(volume)!);
  if (cached?.metadata.uid === uid) return cached;
  const claim = await unlessGone(writes.readClaim(target));
  return claim?.metadata.uid === uid ? claim : undefined;
}

function tellModes(volume: PersistentVolume, claim: PersistentVolumeClaim, { tell }: Writes): void {
  const why = 'due to incompatible volumeMode.';
  const say = (to: PersistentVolume | PersistentVolumeClaim, whom: string) =>
    tell(to, 'Warning', { reason: 'VolumeMismatch', message: `Cannot bind ${whom} ${why}` });
  say(volume, `PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}"`);
  say(claim, `PersistentVolume "${volume.metadata.name}" to requested PersistentVolumeClaim`);
}

/** Nobody has it any longer: it is kept, its maker takes it away, or it says that nobody can. */
async function release(volume: PersistentVolume, writes: Writes): Promise<void> {
  const { phase } = volume.status ?? {};
  const released =
    phase === 'Released' || phase === 'Failed' ? volume : await writes.setVolumePhase(volume, 'Released');
  const failure = findReclaimFailure(released);
  if (failure) await writes.setVolumePhase(released, 'Failed', failure);
}

/** Nothing is deleted from here: files of nodes are not ours to remove, and drivers see to their own volumes. */
function findReclaimFailure({ metadata, spec }: PersistentVolume): Word | undefined {
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    return { reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' };
  }
  const maker = metadata.annotations?.[provisionedBy];
  const isExternal = spec.csi !== undefined || (maker && !maker.startsWith('kubernetes.io/'));
  if (spec.persistentVolumeReclaimPolicy !== 'Delete' || isExternal) return undefined;
  const path = spec.hostPath?.path;
  const message =
    path !== undefined && !/^\/tmp\/.+/.test(path)
      ? `host_path deleter only supports /tmp/.+ but received provided ${path}`
      : `error getting deleter volume plugin for volume "${metadata.name}": no deletable volume plugin matched`;
  return { reason: 'VolumeFailedDelete', message };
}
