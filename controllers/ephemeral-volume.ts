// Makes the claims of pods' ephemeral volumes; with the pod they go, by the garbage collector. Upstream:
// pkg/controller/volume/ephemeral.
// https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes

import type { PersistentVolumeClaim } from '../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../api/core/persistentvolumeclaim.ts';
import { ephemeralClaimMismatch } from '../api/core/pod/ephemeral-claim.ts';
import type { Volume } from '../api/core/pod/volume.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import { defineController } from '../client/controller.ts';
import { sayingOf } from '../client/events.ts';
import { messageOf, unlessThere } from '../machinery/errors.ts';
import { cloneJson } from '../machinery/json.ts';
import { controllerOf, keyOf } from '../machinery/metadata.ts';
import { controllerRef } from './pods/claim.ts';
import { isNamespaceTerminating } from './pods/pod-control.ts';

/** The claim of an ephemeral volume: `<pod>-<volume>`, as its template says, owned by the pod. */
function claimFor(pod: Pod, { name, ephemeral }: Volume): PersistentVolumeClaim {
  const { metadata, spec } = ephemeral!.volumeClaimTemplate!;
  const { labels, annotations } = metadata ?? {};
  return {
    metadata: {
      name: `${pod.metadata.name}-${name}`,
      namespace: pod.metadata.namespace ?? '',
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ownerReferences: [controllerRef(PodKind, pod)],
    },
    spec: cloneJson(spec),
  } as PersistentVolumeClaim;
}

/** The pod whose claim has gone. */
function podOfClaim(claim: PersistentVolumeClaim | undefined, old: PersistentVolumeClaim | undefined): string[] {
  const owner = claim ? undefined : controllerOf(old!);
  return owner?.kind === PodKind.kind ? [`${old!.metadata.namespace}/${owner.name}`] : [];
}

export const ephemeralVolumeController = defineController({
  name: 'ephemeral-volume-controller',
  kind: PodKind,
  related: [{ kind: PersistentVolumeClaimKind, keys: podOfClaim }],
  deps: (context) => ({
    claims: context.informer(PersistentVolumeClaimKind).lister,
    client: context.resource(PersistentVolumeClaimKind),
    say: sayingOf(PodKind, context.recorder('ephemeral_volume')),
  }),
  async reconcile(pod, { claims, client, say }) {
    if (pod.metadata.deletionTimestamp) return undefined;
    for (const volume of pod.spec.volumes ?? []) {
      if (!volume.ephemeral?.volumeClaimTemplate) continue;
      const wanted = claimFor(pod, volume);
      try {
        // The cache may not have seen what was created before.
        const present =
          claims.get(keyOf(wanted)) ??
          (await unlessThere(client.create(wanted))) ??
          (await client.get(wanted.metadata));
        const mismatch = ephemeralClaimMismatch(pod, present);
        if (mismatch) throw new Error(mismatch);
      } catch (err) {
        if (isNamespaceTerminating(err)) return undefined;
        say(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${messageOf(err)}`);
        throw err;
      }
    }
  },
});
