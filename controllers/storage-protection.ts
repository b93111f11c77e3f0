// Volumes, claims and attributes classes that are being deleted go once nothing uses them any longer. Upstream:
// pkg/controller/volume/pvcprotection, pvprotection and vacprotection.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
import { PersistentVolumeKind } from '../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../api/core/persistentvolumeclaim.ts';
import { ephemeralClaimMismatch } from '../api/core/pod/ephemeral-claim.ts';
import { podClaimKeys } from '../api/core/pod/references.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import { VolumeAttributesClassKind } from '../api/storage/volumeattributesclass.ts';
import { defineController } from '../client/controller.ts';
import { unlessGone } from '../machinery/errors.ts';
import { type KubeObject, keyOf } from '../machinery/metadata.ts';

const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';
const attributesFinalizer = 'kubernetes.io/vac-protection';

const isHeld = ({ metadata }: KubeObject, finalizer: string): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer);

async function release<T extends KubeObject>(object: T, finalizer: string, update: (object: T) => Promise<T>) {
  const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  await unlessGone(update({ ...object, metadata: { ...object.metadata, finalizers } }));
}

/** A pod that has a node and has not ended may have the volume mounted; one that waits may yet be let go with it. */
export const usesVolumes = ({ spec, status }: Pod): boolean =>
  !!spec.nodeName && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';

/**
 * A pod with a node keeps the claims that it names as long as it is there, also when it has ended; those made for it only
 * until the kubelet is done with it, for it keeps them itself.
 */
function keeps({ metadata, spec }: Pod, claim: PersistentVolumeClaim): boolean {
  if (!spec.nodeName) return false;
  const isShutDown = metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
  return (spec.volumes ?? []).some(({ name, persistentVolumeClaim, ephemeral }) =>
    ephemeral
      ? !isShutDown &&
        `${metadata.name}-${name}` === claim.metadata.name &&
        !ephemeralClaimMismatch({ metadata }, claim)
      : persistentVolumeClaim?.claimName === claim.metadata.name,
  );
}

const byClaim = 'claim';

export const claimProtectionController = defineController({
  name: 'persistentvolumeclaim-protection-controller',
  kind: PersistentVolumeClaimKind,
  related: [{ kind: PodKind, keys: (pod: Pod | undefined, old: Pod | undefined) => podClaimKeys((pod ?? old)!) }],
  deps: (context) => {
    const pods = context.informer(PodKind);
    pods.addIndex(byClaim, podClaimKeys);
    return {
      pods: pods.lister,
      listPods: async (namespace: string) => (await context.resource(PodKind).list({ namespace })).items,
      update: (c: PersistentVolumeClaim) => context.resource(PersistentVolumeClaimKind).update(c),
    };
  },
  async reconcile(claim, { pods, listPods, update }) {
    if (!isHeld(claim, claimFinalizer)) return undefined;
    const keepsIt = (pod: Pod) => keeps(pod, claim);
    if (pods.byIndex(byClaim, keyOf(claim)).some(keepsIt)) return undefined;
    // A pod that has just got its node may not be in the cache yet.
    if ((await listPods(claim.metadata.namespace ?? '')).some(keepsIt)) return undefined;
    await release(claim, claimFinalizer, update);
  },
});

export const volumeProtectionController = defineController({
  name: 'persistentvolume-protection-controller',
  kind: PersistentVolumeKind,
  deps: (context) => ({ volumes: context.resource(PersistentVolumeKind) }),
  async reconcile(volume, { volumes }) {
    if (!isHeld(volume, volumeFinalizer) || volume.status?.phase === 'Bound') return undefined;
    await release(volume, volumeFinalizer, (changed) => volumes.update(changed));
  },
});

/** The classes that a claim or a volume has, is to get, or is about to lose. */
function attributesClassesOf(object: KubeObject | undefined): string[] {
  const { spec, status }: Partial<KubeObject> = object ?? {};
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return names.filter((name) => !!name);
}

const byAttributes = 'volume attributes class';
const attributesOfEither = (object: KubeObject | undefined, old: KubeObject | undefined) => [
  ...attributesClassesOf(object),
  ...attributesClassesOf(old),
];

export const attributesClassProtectionController = defineController({
  name: 'volumeattributesclass-protection-controller',
  kind: VolumeAttributesClassKind,
  related: [
    { kind: PersistentVolumeClaimKind, keys: attributesOfEither },
    { kind: PersistentVolumeKind, keys: attributesOfEither },
  ],
  deps: (context) => {
    const users = [context.informer(PersistentVolumeClaimKind), context.informer(PersistentVolumeKind)] as const;
    for (const informer of users) informer.addIndex(byAttributes, attributesClassesOf);
    return {
      isUsed: (name: string) => users.some(({ lister }) => lister.byIndex(byAttributes, name).length > 0),
      classes: context.resource(VolumeAttributesClassKind),
    };
  },
  async reconcile(it, { isUsed, classes }) {
    const { metadata } = it;
    const { finalizers = [], deletionTimestamp } = metadata;
    if (!deletionTimestamp && !finalizers.includes(attributesFinalizer)) {
      // Admission has put it on every one but those from before.
      await classes.update({ ...it, metadata: { ...metadata, finalizers: [...finalizers, attributesFinalizer] } });
    } else if (isHeld(it, attributesFinalizer) && !isUsed(metadata.name ?? '')) {
      await release(it, attributesFinalizer, (changed) => classes.update(changed));
    }
  },
});
