// What the binder writes: claims and volumes, their phases, and both ends of a binding. Each write stands on the version that
// was read, so an old view ends in a conflict, and what was written is seen at once. A binding is four writes, volume first:
//
//   volume: claimRef ──> volume: Bound ──> claim: volumeName, bind-completed ──> claim: Bound, capacity
//
// Whoever dies in between leaves a volume that names its claim; the next look at either of them goes on there.
import {
  bindCompleted,
  boundByController,
  boundVolume,
  hasAnnotation,
} from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { type EventType, targetOf } from '../../client/events.ts';
import { Overlay } from '../../client/overlay.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';

type ClaimPhase = NonNullable<NonNullable<PersistentVolumeClaim['status']>['phase']>;
type VolumePhase = NonNullable<NonNullable<PersistentVolume['status']>['phase']>;

/** An event that goes with a change of phase. */
export interface Word {
  reason: string;
  message: string;
}

/** Indexes. Of claims: by the volume that they name. Of volumes: by the claim that they name, and by their class. */
export const byVolume = 'volume';
export const byClaim = 'claim';
export const byClass = 'storage class';

export function createWrites(context: ControllerContext) {
  const claims = new Overlay(context.informer(PersistentVolumeClaimKind));
  const volumes = new Overlay(context.informer(PersistentVolumeKind));
  const claimClient = context.resource(PersistentVolumeClaimKind);
  const volumeClient = context.resource(PersistentVolumeKind);
  const recorder = context.recorder('persistentvolume-controller');
  const tell = (object: PersistentVolume | PersistentVolumeClaim, type: EventType, { reason, message }: Word) => {
    const kind: Kind = object.metadata.namespace ? PersistentVolumeClaimKind : PersistentVolumeKind;
    recorder.event(targetOf(kind, object), type, reason, message);
  };
  const saveClaim = async (claim: PersistentVolumeClaim) => claims.written(await claimClient.update(claim));
  const saveVolume = async (volume: PersistentVolume) => volumes.written(await volumeClient.update(volume));

  const setVolumePhase = async (volume: PersistentVolume, phase: VolumePhase, failure?: Word) => {
    if (volume.status?.phase === phase) return volume;
    const { message: _, ...status } = volume.status ?? {};
    const next = { ...status, phase, ...(failure ? { message: failure.message } : {}) };
    const saved = volumes.written(await volumeClient.updateStatus({ ...volume, status: next }));
    if (failure) tell(saved, 'Warning', failure);
    return saved;
  };

  const setClaimStatus = async (claim: PersistentVolumeClaim, phase: ClaimPhase, volume?: PersistentVolume) => {
    const status = claimStatus(claim, phase, volume);
    if (jsonEqual(status, claim.status)) return claim;
    return claims.written(await claimClient.updateStatus({ ...claim, status }));
  };

  return {
    claims,
    volumes,
    tell,
    saveClaim,
    setVolumePhase,
    setClaimStatus,
    /** The claim as the server has it: caches may be behind whoever has written its volume. */
    readClaim: claimClient.get,

    async loseClaim(claim: PersistentVolumeClaim, why: Word): Promise<void> {
      if (claim.status?.phase === 'Lost') return;
      tell(await setClaimStatus(claim, 'Lost'), 'Warning', why);
    },

    async bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
      const wanted = boundVolume(volume, claim);
      const kept = wanted ? await saveVolume(wanted) : volume;
      const bound = await setVolumePhase(kept, 'Bound');
      const changed = boundClaim(claim, bound);
      await setClaimStatus(changed ? await saveClaim(changed) : claim, 'Bound', bound);
    },

    /** Takes back a binding that the claim did not need; a volume that the user has set aside for it stays so. */
    async unbind(volume: PersistentVolume): Promise<void> {
      const { [boundByController]: ours, ...annotations } = volume.metadata.annotations ?? {};
      const { claimRef, ...spec } = volume.spec;
      const { uid: _uid, resourceVersion: _version, ...name } = claimRef ?? {};
      const saved = await saveVolume({
        ...volume,
        metadata: { ...volume.metadata, annotations },
        spec: ours === undefined ? { ...spec, claimRef: name } : spec,
      });
      await setVolumePhase(saved, 'Available');
    },
  };
}
export type Writes = ReturnType<typeof createWrites>;

/** The claim as it is once it has the volume; undefined when it is so already. */
function boundClaim(claim: PersistentVolumeClaim, { metadata }: PersistentVolume): PersistentVolumeClaim | undefined {
  const { name: volumeName = '' } = metadata;
  const isOurs = claim.spec.volumeName !== volumeName;
  if (!isOurs && hasAnnotation(claim, bindCompleted)) return undefined;
  const annotations = {
    ...claim.metadata.annotations,
    ...(isOurs ? { [boundByController]: 'yes' } : {}),
    [bindCompleted]: 'yes',
  };
  return { ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName } };
}

/** What a claim says of its volume. The size is that of the volume when it is bound: resizing is somebody else's. */
function claimStatus(claim: PersistentVolumeClaim, phase: ClaimPhase, volume: PersistentVolume | undefined) {
  const { accessModes: _modes, ...status } = claim.status ?? {};
  if (!volume) {
    const { capacity: _capacity, currentVolumeAttributesClassName: _class, ...rest } = status;
    return { ...rest, phase };
  }
  const { accessModes, capacity, volumeAttributesClassName } = volume.spec;
  const modes = accessModes ? { accessModes } : {};
  if (claim.status?.phase === phase) return { ...status, ...modes };
  const attributes = volumeAttributesClassName && { currentVolumeAttributesClassName: volumeAttributesClassName };
  return { ...status, ...modes, phase, ...(capacity ? { capacity } : {}), ...attributes };
}
