// Binds claims to volumes, hands over claims whose volumes are yet to be made, and lets go of volumes whose claims are gone.
// Two loops over one view of both. Upstream: pkg/controller/volume/persistentvolume.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
import {
  bindCompleted,
  claimKeyOf,
  hasAnnotation,
  isAvailableFor,
  storageClassOf,
} from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { podClaimKeys } from '../../api/core/pod/references.ts';
import { PodKind } from '../../api/core/pod.ts';
import { isDefaultClass, type StorageClass, StorageClassKind } from '../../api/storage/storageclass.ts';
import { type ControllerContext, defineController, type Loop, runController } from '../../client/controller.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { syncClaim } from './claims.ts';
import { syncVolume } from './volumes.ts';
import { byClaim, byClass, byVolume, createWrites } from './writes.ts';

const name = 'persistentvolume-binder-controller';
/** Of claims that look for any volume of a class, empty for none. */
const byWantedClass = 'wanted class';

const isWaiting = (claim: PersistentVolumeClaim) => !claim.spec.volumeName && !hasAnnotation(claim, bindCompleted);

function createDeps(context: ControllerContext) {
  const claims = context.informer(PersistentVolumeClaimKind);
  const volumes = context.informer(PersistentVolumeKind);
  const pods = context.informer(PodKind);
  claims.addIndex(byVolume, ({ spec }) => (spec.volumeName ? [spec.volumeName] : []));
  claims.addIndex(byWantedClass, (claim) => (isWaiting(claim) ? [storageClassOf(claim)] : []));
  volumes.addIndex(byClaim, (volume) => [claimKeyOf(volume) ?? '']);
  volumes.addIndex(byClass, (volume) => [storageClassOf(volume)]);
  pods.addIndex(byClaim, podClaimKeys);
  return {
    writes: createWrites(context),
    claims: claims.lister,
    volumes: volumes.lister,
    pods: pods.lister,
    classes: context.informer(StorageClassKind).lister,
    enqueueClaim: (_key: string): void => undefined,
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Claims that name the volume, or are named by it, or might take it. */
function claimsOfVolume(volume: PersistentVolume | undefined, old: PersistentVolume | undefined, { claims }: Deps) {
  const { metadata } = (volume ?? old)!;
  const keys = claims.byIndex(byVolume, metadata.name ?? '').map(keyOf);
  for (const version of [volume, old]) {
    const key = version && claimKeyOf(version);
    if (key) keys.push(key);
  }
  if (!volume || volume.spec.claimRef) return keys;
  const wanting = claims.byIndex(byWantedClass, storageClassOf(volume));
  return [...keys, ...wanting.filter((claim) => isAvailableFor(volume, claim)).map(keyOf)];
}

/** Claims that wait for the class, and for any where it is the default. */
function claimsOfClass(it: StorageClass | undefined, _old: StorageClass | undefined, { claims }: Deps): string[] {
  if (!it) return [];
  const names = [it.metadata.name ?? '', ...(isDefaultClass(it) ? [''] : [])];
  return names.flatMap((className) => claims.byIndex(byWantedClass, className)).map(keyOf);
}

/** Volumes that the claim names, and those that name it. */
function volumesOfClaim(
  claim: PersistentVolumeClaim | undefined,
  old: PersistentVolumeClaim | undefined,
  { volumes }: Deps,
): string[] {
  const named = [claim, old].flatMap((version) => version?.spec.volumeName ?? []);
  return [...named, ...volumes.byIndex(byClaim, keyOf((claim ?? old)!)).map(keyOf)];
}

export const persistentVolumeBinder: Loop = {
  name,
  async run(context) {
    const shared = createDeps(context);
    const ofClaims = defineController({
      name,
      kind: PersistentVolumeClaimKind,
      related: [
        { kind: PersistentVolumeKind, keys: claimsOfVolume },
        { kind: StorageClassKind, keys: claimsOfClass },
        { kind: PodKind, keys: () => [] }, // only to have seen them: they do not change what a claim gets
      ],
      concurrency: 1, // two at a time would reach for the same volume
      deps: (_, enqueue): Deps => {
        shared.enqueueClaim = enqueue;
        return shared;
      },
      reconcile: (claim, deps) => syncClaim(deps.writes.claims.latest(claim), deps),
    });
    const ofVolumes = defineController({
      name,
      kind: PersistentVolumeKind,
      related: [{ kind: PersistentVolumeClaimKind, keys: volumesOfClaim }],
      concurrency: 1,
      deps: (): Deps => shared,
      reconcile: (volume, deps) => syncVolume(deps.writes.volumes.latest(volume), deps),
    });
    await Promise.all([runController(ofClaims, context), runController(ofVolumes, context)]);
  },
};
