// What becomes of a claim: it gets a volume that is there, or one is made for it, or it waits and says for what.
// Upstream: syncClaim in pkg/controller/volume/persistentvolume.
import {
  betaStorageProvisioner,
  bindCompleted,
  findMismatch,
  hasAccessModes,
  hasAnnotation,
  isBoundTo,
  selectedNode,
  storageClassOf,
  storageProvisioner,
  suitableVolumes,
} from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { betaStorageClassAnnotation } from '../../api/core/persistentvolumeclaim/validation.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import type { Pod } from '../../api/core/pod.ts';
import { pickDefaultClass, type StorageClass } from '../../api/storage/storageclass.ts';
import type { ReconcileResult } from '../../client/controller.ts';
import type { Lister } from '../../client/store.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { byClaim, byClass, type Word, type Writes } from './writes.ts';

export interface ClaimDeps {
  writes: Writes;
  classes: Lister<StorageClass>;
  /** With an index `byClaim`. */
  pods: Lister<Pod>;
}

/** Claims that wait say so again after so long, as long as they wait: events go away by themselves. */
const waiting: ReconcileResult = { requeueAfterMs: 15_000 };

export function syncClaim(claim: PersistentVolumeClaim, deps: ClaimDeps): Promise<ReconcileResult | undefined> {
  if (hasAnnotation(claim, bindCompleted)) return syncBound(claim, deps);
  if (claim.metadata.deletionTimestamp) return Promise.resolve(undefined);
  return claim.spec.volumeName ? syncNamed(claim, deps) : syncFree(claim, deps);
}

async function syncBound(claim: PersistentVolumeClaim, { writes }: ClaimDeps): Promise<undefined> {
  const { volumeName } = claim.spec;
  const lost = (what: string) => ({
    reason: 'ClaimLost',
    message: `Bound claim has lost ${what}. Data on the volume is lost!`,
  });
  const volume = volumeName ? writes.volumes.get(volumeName) : undefined;
  if (!volumeName) await writes.loseClaim(claim, lost('reference to PersistentVolume'));
  else if (!volume) await writes.loseClaim(claim, lost('its PersistentVolume'));
  else if (!volume.spec.claimRef || volume.spec.claimRef.uid === claim.metadata.uid) await writes.bind(volume, claim);
  else {
    const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
    await writes.loseClaim(claim, { reason: 'ClaimMisbound', message });
  }
}

/** The user has asked for one volume and no other. */
async function syncNamed(claim: PersistentVolumeClaim, { writes }: ClaimDeps): Promise<ReconcileResult | undefined> {
  const volume = writes.volumes.get(claim.spec.volumeName!);
  const wait = async (why?: Word) => {
    if (why) writes.tell(claim, 'Warning', why);
    await writes.setClaimStatus(claim, 'Pending');
    return waiting;
  };
  if (!volume) return wait();
  const { name } = volume.metadata;
  const mismatch = volume.spec.claimRef ? undefined : findMismatch(volume, claim);
  if (mismatch) {
    return wait({ reason: 'VolumeMismatch', message: `Cannot bind to requested volume "${name}": ${mismatch}` });
  }
  if (volume.spec.claimRef && !isBoundTo(volume, claim)) {
    return wait({ reason: 'FailedBinding', message: `volume "${name}" already bound to a different claim.` });
  }
  await writes.bind(volume, claim);
}

async function syncFree(claim: PersistentVolumeClaim, deps: ClaimDeps): Promise<ReconcileResult | undefined> {
  const { writes, classes } = deps;
  const className = storageClassOf(claim);
  const isDelayed = classes.get(className)?.volumeBindingMode === 'WaitForFirstConsumer';
  const volume = findVolume(claim, writes, isDelayed);
  if (volume) {
    await writes.bind(volume, claim);
    return undefined;
  }
  const defaultClass = hasClass(claim) ? undefined : pickDefaultClass(classes.list());
  if (defaultClass) {
    const spec = { ...claim.spec, storageClassName: defaultClass.metadata.name ?? '' };
    await writes.saveClaim({ ...claim, spec }); // its change brings it here again
    return undefined;
  }
  if (isDelayed && !hasAnnotation(claim, selectedNode)) writes.tell(claim, 'Normal', whatIsAwaited(claim, deps));
  else if (className !== '') return handOver(claim, className, deps);
  else {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    writes.tell(claim, 'Normal', { reason: 'FailedBinding', message });
  }
  await writes.setClaimStatus(claim, 'Pending');
  return waiting;
}

const hasClass = (claim: PersistentVolumeClaim) =>
  claim.spec.storageClassName !== undefined || hasAnnotation(claim, betaStorageClassAnnotation);

/** The volume kept for the claim, or, if the scheduler has no say in it, the one with the fewest modes, then the smallest. */
function findVolume(claim: PersistentVolumeClaim, { volumes }: Writes, isDelayed: boolean) {
  const all = [...volumes.byIndex(byClaim, keyOf(claim)), ...volumes.byIndex(byClass, storageClassOf(claim))];
  // One without the modes is not taken even if it is kept for the claim; the scheduler takes it.
  const { kept, available } = suitableVolumes(
    claim,
    all.filter((volume) => hasAccessModes(volume, claim)),
  );
  if (kept || isDelayed) return kept;
  const modes = available.map(({ spec }) => spec.accessModes?.length ?? 0);
  return available[modes.indexOf(Math.min(...modes))];
}

/** The first pod that wants the claim decides where its volume is. */
function whatIsAwaited(claim: PersistentVolumeClaim, { pods }: ClaimDeps): Word {
  const names = pods
    .byIndex(byClaim, keyOf(claim))
    .filter((pod) => !pod.spec.nodeName && !isFinished(pod))
    .map(({ metadata }) => metadata.name);
  if (names.length > 0) {
    const message = `waiting for ${names.length > 1 ? 'pods' : 'pod'} ${names.join(',')} to be scheduled`;
    return { reason: 'WaitForPodScheduled', message };
  }
  return { reason: 'WaitForFirstConsumer', message: 'waiting for first consumer to be created before binding' };
}

/** Somebody else makes volumes: it is told by annotations of the claim. */
async function handOver(
  claim: PersistentVolumeClaim,
  className: string,
  { writes, classes }: ClaimDeps,
): Promise<ReconcileResult> {
  const provisioner = classes.get(className)?.provisioner;
  if (provisioner === undefined || provisioner.startsWith('kubernetes.io/')) {
    const why =
      provisioner === undefined
        ? `storageclass.storage.k8s.io "${className}" not found`
        : `no volume plugin matched name: ${provisioner}`;
    writes.tell(claim, 'Warning', { reason: 'ProvisioningFailed', message: why });
    return waiting;
  }
  let asked = claim;
  if (claim.metadata.annotations?.[storageProvisioner] !== provisioner) {
    const annotations = {
      ...claim.metadata.annotations,
      [betaStorageProvisioner]: provisioner,
      [storageProvisioner]: provisioner,
    };
    asked = await writes.saveClaim({ ...claim, metadata: { ...claim.metadata, annotations } });
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system ` +
    'administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
  writes.tell(asked, 'Normal', { reason: 'ExternalProvisioning', message });
  return waiting;
}
