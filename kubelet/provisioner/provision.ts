// Makes a volume for a claim that asks this driver for one: the claim's provisioner is named by the
// binder, its node by the scheduler, or by the first provisioner that takes it. Everything is
// repeatable: the volume is named by the claim's uid. Upstream: external-provisioner.
// https://kubernetes.io/docs/concepts/storage/dynamic-provisioning/
import { status } from '@grpc/grpc-js';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import {
  managedByNode,
  snapshotFinalizers,
  snapshotSourceOf,
  VolumeSnapshotContentKind,
  VolumeSnapshotKind,
} from '../../api/snapshot/volume-snapshots.ts';
import { type StorageClass, StorageClassKind } from '../../api/storage/storageclass.ts';
import { targetOf } from '../../client/events.ts';
import { isAlreadyExists, messageOf, unlessGone } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { quantityInteger } from '../../machinery/quantity.ts';
import type { CreateVolumeRequest, Volume, VolumeContentSource } from '../../proto/csi.gen.ts';
import type { Init } from '../../proto/message.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { accessModeOf, capabilityOf } from '../csi/access-modes.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import {
  driverParameters,
  finalizer,
  type ProvisionerDeps,
  parameterPrefix,
  provisionedBy,
  selectedNode,
} from './context.ts';

const provisionerAnnotations = [
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
];
const allowModeChange = 'snapshot.storage.kubernetes.io/allow-volume-mode-change';
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** Whether the claim waits for a volume of this driver. */
export function wantsVolume({ metadata, spec }: PersistentVolumeClaim, driver: string): boolean {
  if (spec.volumeName || metadata.deletionTimestamp) return false;
  return provisionerAnnotations.some((name) => metadata.annotations?.[name] === driver);
}

export async function provision(deps: ProvisionerDeps, claim: PersistentVolumeClaim): Promise<void> {
  const { client, driver, events } = deps;
  const className = claim.metadata.annotations?.[classAnnotation] ?? claim.spec.storageClassName ?? '';
  const storageClass = await unlessGone(client.resource(StorageClassKind).get({ name: className }));
  if (storageClass?.provisioner !== driver.name || !(await isForThisNode(deps, claim, storageClass))) return;
  const target = targetOf(PersistentVolumeClaimKind, claim);
  const { namespace, name, uid } = claim.metadata;
  const volumeName = `pvc-${uid}`;
  await deps.unfinished.settle(keyOf(claim), volumeName);
  // It is made, and not bound yet.
  if (deps.volume(volumeName)) return;
  const told = `External provisioner is provisioning volume for claim "${namespace}/${name}"`;
  events.event(target, 'Normal', 'Provisioning', told);
  try {
    const source = await sourceOf(deps, claim);
    if (source?.node !== undefined && source.node !== deps.nodeName) return await chooseNode(deps, claim, source.node);
    const request = buildRequest(deps, { claim, storageClass, volumeName, source });
    await deps.unfinished.make(keyOf(claim), volumeName, async () => {
      const { volume } = await driver.client.controller.CreateVolume(request);
      await createVolume(deps, buildVolume(deps, { claim, storageClass, volumeName, volume: volume! }));
    });
  } catch (err) {
    const text = `failed to provision volume with StorageClass "${className}": ${describeRpcError(err)}`;
    events.event(target, 'Warning', 'ProvisioningFailed', text);
    const isFull = isRpcError(err) && err.code === status.RESOURCE_EXHAUSTED;
    if (isFull && storageClass.volumeBindingMode === 'WaitForFirstConsumer') await chooseNode(deps, claim, null);
    throw err;
  }
  events.event(target, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeName}`);
}

async function isForThisNode(
  deps: ProvisionerDeps,
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
): Promise<boolean> {
  const chosen = claim.metadata.annotations?.[selectedNode];
  if (chosen !== undefined) return chosen === deps.nodeName;
  // The scheduler chooses when a pod needs it.
  if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return false;
  // Of several provisioners one comes first. The claim is looked at again as it is then.
  await chooseNode(deps, claim, deps.nodeName);
  return false;
}

/** Hands the claim to another node: the scheduler's next, or the one that is named. */
async function chooseNode(
  { client }: ProvisionerDeps,
  { metadata }: PersistentVolumeClaim,
  node: string | null,
): Promise<void> {
  const { name = '', namespace = '', resourceVersion } = metadata;
  const patch = { metadata: { resourceVersion, annotations: { [selectedNode]: node } } };
  await client.resource(PersistentVolumeClaimKind).patch({ namespace, name }, patch, { type: 'merge' });
}

interface Plan {
  claim: PersistentVolumeClaim;
  storageClass: StorageClass;
  volumeName: string;
}

function buildRequest(
  deps: ProvisionerDeps,
  { claim, storageClass, volumeName, source }: Plan & { source: Source | undefined },
): Init<CreateVolumeRequest> {
  const { spec } = claim;
  const { parameters = {}, mountOptions } = storageClass;
  const secret = Object.keys(parameters).find((key) => key.startsWith(parameterPrefix) && key.includes('secret'));
  if (secret) throw new Error(`parameter ${secret} is not supported: the driver has no use for secrets`);
  const fsType = parameters[`${parameterPrefix}fstype`];
  const { volumeMode } = spec;
  const topology = [{ segments: { ...deps.driver.segments } }];
  const limit = spec.resources?.limits?.storage;
  return {
    name: volumeName,
    capacity_range: {
      required_bytes: quantityInteger(spec.resources?.requests?.storage),
      limit_bytes: limit === undefined ? '0' : quantityInteger(limit),
    },
    volume_capabilities: (spec.accessModes ?? []).map((mode) =>
      capabilityOf(accessModeOf(mode, true), { fsType, mountOptions, volumeMode }),
    ),
    parameters: driverParameters(parameters),
    accessibility_requirements: { requisite: topology, preferred: topology },
    ...(source ? { volume_content_source: source.content } : {}),
  };
}

/** What the new volume gets its content from, and on which node that lies, where that is known. */
interface Source {
  content: Init<VolumeContentSource>;
  node?: string;
}

async function sourceOf(deps: ProvisionerDeps, claim: PersistentVolumeClaim): Promise<Source | undefined> {
  const from = claim.spec.dataSource ?? claim.spec.dataSourceRef;
  if (!from) return undefined;
  const { kind, name } = from;
  try {
    if (kind === 'PersistentVolumeClaim' && !from.apiGroup) return cloneSource(deps, claim, name);
    const snapshot = snapshotSourceOf(claim.spec);
    if (snapshot !== undefined) return await snapshotSource(deps, claim, snapshot);
  } catch (err) {
    throw new Error(`error getting handle for DataSource Type ${kind} by Name ${name}: ${messageOf(err)}`);
  }
  throw new Error(`data source ${kind} is not supported: a claim can be copied, and a snapshot restored`);
}

function cloneSource(
  { claim: find, volume, driver }: ProvisionerDeps,
  { metadata }: PersistentVolumeClaim,
  name: string,
): Source {
  const origin = find(`${metadata.namespace}/${name}`);
  if (!origin)
    throw new Error(`error getting PVC ${name} (namespace "${metadata.namespace}") from api server: not found`);
  if (origin.status?.phase !== 'Bound') throw new Error(`the PVC DataSource ${name} must be in Bound state`);
  const { claimRef, csi } = volume(origin.spec.volumeName ?? '')?.spec ?? {};
  if (claimRef && claimRef.uid !== origin.metadata.uid)
    throw new Error(`the volume of claim ${name} is bound to a different PVC than requested`);
  if (csi?.driver !== driver.name)
    throw new Error(`the source volume of claim ${name} is not one of driver ${driver.name}`);
  return { content: { volume: { volume_id: csi.volumeHandle } } };
}

/** Upstream: getSnapshotSource of external-provisioner. https://kubernetes.io/docs/concepts/storage/volume-snapshots/#provisioning-volumes-from-snapshots */
async function snapshotSource(
  { client, driver }: ProvisionerDeps,
  { metadata, spec }: PersistentVolumeClaim,
  name: string,
): Promise<Source> {
  const { namespace = '' } = metadata;
  const snapshot = await client
    .resource(VolumeSnapshotKind)
    .get({ namespace, name })
    .catch((err) => {
      throw new Error(`error getting snapshot ${name} from api server: ${err.message}`);
    });
  const { deletionTimestamp, finalizers = [], uid } = snapshot.metadata;
  if (deletionTimestamp && !finalizers.includes(snapshotFinalizers.source))
    throw new Error(`snapshot ${name} is being deleted`);
  const bound = snapshot.status?.boundVolumeSnapshotContentName;
  const content = bound && (await unlessGone(client.resource(VolumeSnapshotContentKind).get({ name: bound })));
  if (!content || content.spec.volumeSnapshotRef.uid !== uid || content.spec.driver !== driver.name)
    throw new Error(`snapshot ${name} not bound`);
  if (!snapshot.status?.readyToUse) throw new Error(`snapshot ${name} is not Ready`);
  const handle = content.status?.snapshotHandle;
  if (handle === undefined) throw new Error(`snapshot handle ${name} is not available`);
  const [size, least] = [spec.resources?.requests?.storage, snapshot.status.restoreSize].map(quantityInteger);
  if (BigInt(size!) < BigInt(least!))
    throw new Error(`requested volume size ${size} is less than the size ${least} for the source snapshot ${name}`);
  const { sourceVolumeMode } = content.spec;
  const isAllowed = content.metadata.annotations?.[allowModeChange] === 'true';
  if (sourceVolumeMode !== undefined && spec.volumeMode && sourceVolumeMode !== spec.volumeMode && !isAllowed)
    throw new Error(
      `requested volume ${namespace}/${metadata.name} modifies the mode of the source volume but does not have ` +
        `permission to do so. ${allowModeChange} annotation is not present on snapshotcontent ${bound}`,
    );
  const node = content.metadata.labels?.[managedByNode];
  return { content: { snapshot: { snapshot_id: handle } }, ...(node === undefined ? {} : { node }) };
}

function buildVolume(
  deps: ProvisionerDeps,
  { claim, storageClass, volumeName, volume }: Plan & { volume: Volume },
): PersistentVolume {
  const { driver } = deps;
  const { metadata, spec } = claim;
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  const fsType = storageClass.parameters?.[`${parameterPrefix}fstype`];
  const terms = volume.accessible_topology.map(({ segments }) => ({
    matchExpressions: Object.entries(segments).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  }));
  const wanted = spec.resources?.requests?.storage ?? '0';
  const isWanted = quantityInteger(wanted) === volume.capacity_bytes;
  return {
    metadata: {
      name: volumeName,
      annotations: {
        [provisionedBy]: driver.name,
        'volume.kubernetes.io/provisioner-deletion-secret-name': '',
        'volume.kubernetes.io/provisioner-deletion-secret-namespace': '',
      },
      ...(policy === 'Delete' ? { finalizers: [finalizer] } : {}),
    },
    spec: {
      accessModes: [...(spec.accessModes ?? [])],
      capacity: { storage: isWanted ? wanted : volume.capacity_bytes },
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      csi: {
        driver: driver.name,
        volumeHandle: volume.volume_id,
        ...(fsType ? { fsType } : {}),
        volumeAttributes: { ...volume.volume_context, 'storage.kubernetes.io/csiProvisionerIdentity': driver.identity },
      },
      ...(storageClass.mountOptions?.length ? { mountOptions: [...storageClass.mountOptions] } : {}),
      nodeAffinity: { required: { nodeSelectorTerms: terms } },
      persistentVolumeReclaimPolicy: policy,
      storageClassName: storageClass.metadata.name,
      volumeMode: spec.volumeMode ?? 'Filesystem',
      ...(spec.volumeAttributesClassName ? { volumeAttributesClassName: spec.volumeAttributesClassName } : {}),
    },
    status: {},
  } as PersistentVolume;
}

async function createVolume({ client }: ProvisionerDeps, volume: PersistentVolume): Promise<void> {
  try {
    await client.resource(PersistentVolumeKind).create(volume);
  } catch (err) {
    if (!isAlreadyExists(err)) throw err; // an earlier try has come so far
  }
}
