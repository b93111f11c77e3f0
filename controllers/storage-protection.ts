// Lets volumes and claims that are being deleted go once nothing uses them any longer.
// Upstream: pkg/controller/volume/pvcprotection and pvprotection.
import { PersistentVolumeKind } from '../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../api/core/persistentvolumeclaim.ts';
import { podClaimNames } from '../api/core/pod/references.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import { defineController } from '../client/controller.ts';
import { isNotFound } from '../machinery/errors.ts';
import { type KubeObject, keyOf } from '../machinery/metadata.ts';

const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';

const isHeld = ({ metadata }: KubeObject, finalizer: string): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer);

async function release<T extends KubeObject>(object: T, finalizer: string, update: (object: T) => Promise<T>) {
  const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  try {
    await update({ ...object, metadata: { ...object.metadata, finalizers } });
  } catch (err) {
    if (!isNotFound(err)) throw err; // gone is what was wanted
  }
}

/** Keys of the claims that a pod names. */
function claimKeysOf({ metadata, spec }: Pod): string[] {
  return [...podClaimNames(metadata.name ?? '', spec)].map((name) => `${metadata.namespace}/${name}`);
}

/** A pod that has a node and has not ended may have the volume mounted; one that waits may yet be let go with it. */
export const usesVolumes = ({ spec, status }: Pod): boolean =>
  !!spec.nodeName && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';

const byClaim = 'claim';

export const claimProtectionController = defineController({
  name: 'persistentvolumeclaim-protection-controller',
  kind: PersistentVolumeClaimKind,
  related: [
    {
      kind: PodKind,
      keys: (pod: Pod | undefined, old: Pod | undefined) => claimKeysOf((pod ?? old)!),
    },
  ],
  deps: (context) => {
    const pods = context.informer(PodKind);
    pods.addIndex(byClaim, claimKeysOf);
    return {
      pods: pods.lister,
      update: (c: PersistentVolumeClaim) => context.resource(PersistentVolumeClaimKind).update(c),
    };
  },
  async reconcile(claim, { pods, update }) {
    if (!isHeld(claim, claimFinalizer)) return undefined;
    if (pods.byIndex(byClaim, keyOf(claim)).some(usesVolumes)) return undefined;
    await release(claim, claimFinalizer, update);
    return undefined;
  },
});

export const volumeProtectionController = defineController({
  name: 'persistentvolume-protection-controller',
  kind: PersistentVolumeKind,
  deps: (context) => ({ volumes: context.resource(PersistentVolumeKind) }),
  async reconcile(volume, { volumes }) {
    if (!isHeld(volume, volumeFinalizer) || volume.status?.phase === 'Bound') return undefined;
    await release(volume, volumeFinalizer, (changed) => volumes.update(changed));
    return undefined;
  },
});
