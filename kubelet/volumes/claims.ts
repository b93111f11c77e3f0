// From a volume that names a claim to the persistent volume behind it, with the checks that must
// hold before anything is mounted. A node may get claims and volumes, one at a time, but not watch
// them. Upstream: createVolumeSpec in pkg/kubelet/volumemanager/populator.
import type { Node } from '../../api/core/node.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { compileNodeSelector } from '../../api/core/pod/placement.ts';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { KubeClient } from '../../client/rest.ts';
import { messageOf } from '../../machinery/errors.ts';
import { controllerOf } from '../../machinery/metadata.ts';
import { containersOf, initContainersOf } from '../pods/pod-text.ts';
import { StepError } from './plugin.ts';

/** A claim cannot be followed; the text is upstream's. */
export class ClaimError extends Error {}

export interface BoundClaim {
  claim: PersistentVolumeClaim;
  pv: PersistentVolume;
}

/** The name of the claim behind a volume, or undefined. */
export const claimNameOf = (pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined =>
  ephemeral ? `${pod.metadata.name}-${name}` : persistentVolumeClaim?.claimName;

/** Throws ClaimError while the claim is not ready to be used. */
export async function findBoundClaim(client: KubeClient, pod: Pod, volume: Volume): Promise<BoundClaim> {
  const { namespace = '' } = pod.metadata;
  const name = claimNameOf(pod, volume) ?? '';
  const claim = await findClaim(client, namespace, name);
  if (volume.ephemeral && controllerOf(claim)?.uid !== pod.metadata.uid) {
    const podName = `${namespace}/${pod.metadata.name}`;
    throw new ClaimError(`PVC ${namespace}/${name} was not created for pod ${podName} (pod is not owner)`);
  }
  const fail = (why: string) => new ClaimError(`error processing PVC ${namespace}/${name}: ${why}`);
  const { volumeName = '' } = claim.spec;
  const pv = await client
    .resource(PersistentVolumeKind)
    .get({ name: volumeName })
    .catch((err) => {
      throw fail(`failed to fetch PV ${volumeName} from API server: ${messageOf(err)}`);
    });
  const { claimRef } = pv.spec;
  if (!claimRef) {
    throw fail(
      `found PV object ${volumeName} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    );
  }
  if (claimRef.uid !== claim.metadata.uid) {
    const text = `found PV object ${volumeName} but its pv.Spec.ClaimRef.UID ${claimRef.uid} does not point to claim.UID ${claim.metadata.uid}`;
    throw fail(text);
  }
  checkMode(pod, volume, pv);
  return { claim, pv };
}

async function findClaim(client: KubeClient, namespace: string, name: string): Promise<PersistentVolumeClaim> {
  const fail = (why: string) => new ClaimError(`error processing PVC ${namespace}/${name}: ${why}`);
  const claim = await client
    .resource(PersistentVolumeClaimKind)
    .get({ namespace, name })
    .catch((err) => {
      throw fail(`failed to fetch PVC from API server: ${messageOf(err)}`);
    });
  if (claim.metadata.deletionTimestamp) throw fail('PVC is being deleted');
  if (claim.status?.phase !== 'Bound') throw fail('PVC is not bound');
  if (!claim.spec.volumeName) throw fail('PVC has empty pvc.Spec.VolumeName');
  return claim;
}

function checkMode(pod: Pod, { name }: Volume, pv: PersistentVolume): void {
  const containers = [...initContainersOf(pod), ...containersOf(pod)];
  const mode = pv.spec.volumeMode ?? 'Filesystem';
  const fail = (where: string) => new ClaimError(`volume ${name} has volumeMode ${mode}, but is specified in ${where}`);
  const isDevice = containers.some((c) => c.volumeDevices?.some((device) => device.name === name));
  const isMounted = containers.some((c) => c.volumeMounts?.some((m) => m.name === name));
  if (mode === 'Block' && isMounted) throw fail('volumeMounts');
  if (mode !== 'Block' && isDevice) throw fail('volumeDevices');
}

/** Throws when the volume cannot be reached from this node. */
export function checkNodeAffinity({ spec }: PersistentVolume, node: Node | undefined): void {
  const required = spec.nodeAffinity?.required;
  if (required && node && !compileNodeSelector(required)(node)) {
    throw new StepError('MountVolume.NodeAffinity check failed', new Error('no matching NodeSelectorTerms'));
  }
}
