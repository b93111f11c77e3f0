// Gives every VolumeSnapshot its content: one that is made for it, of which a driver then takes the snapshot, or one that
// is there already. What the driver says of the content goes into the snapshot's status. Upstream: the common controller
// of external-snapshotter, with its distributed snapshotting. https://kubernetes.io/docs/concepts/storage/volume-snapshots/
import { NodeKind } from '../../api/core/node.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { compileNodeSelector } from '../../api/core/pod/placement.ts';
import {
  beingDeleted,
  claimSourceFinalizer,
  contentFinalizer,
  defaultSnapshotClass,
  managedByNode,
  snapshotFinalizers,
  snapshotGroup,
  snapshotSourceOf,
  type VolumeSnapshot,
  type VolumeSnapshotClass,
  VolumeSnapshotClassKind,
  type VolumeSnapshotContent,
  VolumeSnapshotContentKind,
  VolumeSnapshotKind,
} from '../../api/snapshot/volume-snapshots.ts';
import { type ControllerContext, defineController, toLoop } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { whileDefined } from '../../client/while-defined.ts';
import { isAlreadyExists, isConflict, messageOf, unlessGone } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { formatQuantity, isZeroQuantity } from '../../machinery/quantity.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { withoutZeros } from '../status.ts';

type Status = NonNullable<VolumeSnapshot['status']>;

/** Why a snapshot does not come on: told in its status and by an event, whose reason is the error's name. */
class Trouble extends Error {}
const trouble = (name: string, message: string) => Object.assign(new Trouble(message), { name });
const updateFailed = (name: string | undefined, why: string) =>
  new Error(`snapshot controller failed to update ${name} on API server: ${why}`);

const contentNameOf = ({ metadata }: VolumeSnapshot): string => `snapcontent-${metadata.uid}`;

/** The snapshot's status by what its content says. Pure. */
export function statusOf({ status }: VolumeSnapshot, content: VolumeSnapshotContent): Status {
  const { creationTime, readyToUse = false, restoreSize, error } = content.status ?? {};
  const created = status?.creationTime ?? (creationTime === undefined ? undefined : timestamp(creationTime / 1e6));
  const isSizeKnown = status?.restoreSize !== undefined && !isZeroQuantity(status.restoreSize);
  const size = restoreSize === undefined ? undefined : { nanos: BigInt(restoreSize) * 1_000_000_000n };
  const told = isSizeKnown || !size ? status?.restoreSize : formatQuantity({ ...size, format: 'BinarySI' });
  const boundVolumeSnapshotContentName = status?.boundVolumeSnapshotContentName ?? content.metadata.name;
  const next = { boundVolumeSnapshotContentName, readyToUse, creationTime: created, restoreSize: told, error };
  return withoutZeros(next) as Status;
}

/** Whether the content is the snapshot's; one that people made need not know the `uid`. */
function isOf({ spec }: VolumeSnapshotContent, { metadata }: VolumeSnapshot, isMade = true): boolean {
  const { namespace, name, uid } = spec.volumeSnapshotRef;
  const isNamed = namespace === metadata.namespace && name === metadata.name;
  return isNamed && (uid === metadata.uid || (!isMade && !uid));
}

const bySource = 'source claim';
const claimKeyOf = ({ metadata, spec: { source } }: VolumeSnapshot) =>
  `${metadata.namespace}/${source.persistentVolumeClaimName}`;
const isReady = ({ status }: VolumeSnapshot) => status?.readyToUse === true;

function createDeps(context: ControllerContext) {
  const snapshots = context.informer(VolumeSnapshotKind);
  snapshots.addIndex(bySource, (it) => [claimKeyOf(it)]);
  return {
    nowMs: () => context.clock.now(),
    say: sayingOf(VolumeSnapshotKind, context.recorder('snapshot-controller')),
    lister: snapshots.lister,
    contentLister: context.informer(VolumeSnapshotContentKind).lister,
    classLister: context.informer(VolumeSnapshotClassKind).lister,
    claimLister: context.informer(PersistentVolumeClaimKind).lister,
    nodeLister: context.informer(NodeKind).lister,
    snapshots: context.resource(VolumeSnapshotKind),
    contents: context.resource(VolumeSnapshotContentKind),
    claims: context.resource(PersistentVolumeClaimKind),
    volumes: context.resource(PersistentVolumeKind),
  };
}

type Deps = ReturnType<typeof createDeps>;

export const snapshotController = defineController({
  name: 'volumesnapshot-controller',
  kind: VolumeSnapshotKind,
  related: [
    {
      kind: VolumeSnapshotContentKind,
      keys: (content: VolumeSnapshotContent | undefined, old: VolumeSnapshotContent | undefined) => {
        const { namespace, name } = (content ?? old)!.spec.volumeSnapshotRef;
        return [`${namespace}/${name}`];
      },
    },
    {
      kind: PersistentVolumeClaimKind,
      keys: (claim: PersistentVolumeClaim | undefined, old: PersistentVolumeClaim | undefined, { lister }: Deps) => {
        const { metadata, spec } = (claim ?? old)!;
        const source = snapshotSourceOf(spec);
        const taken = lister.byIndex(bySource, keyOf({ metadata })).map(keyOf);
        return source === undefined ? taken : [...taken, `${metadata.namespace}/${source}`];
      },
    },
    {
      kind: VolumeSnapshotClassKind,
      keys: (_object: unknown, _old: unknown, { lister }: Deps) =>
        lister.list().flatMap((it) => (isReady(it) ? [] : [keyOf(it)])),
    },
  ],
  deps: createDeps,
  async reconcile(snapshot, deps) {
    if (snapshot.metadata.deletionTimestamp) return letGo(snapshot, deps);
    await releaseClaim(snapshot, deps.claimLister.get(claimKeyOf(snapshot)), deps);
    try {
      await bring(snapshot, deps);
    } catch (err) {
      if (err instanceof Trouble) await tell(snapshot, err, deps);
      throw err;
    }
  },
});

export const volumeSnapshotController = whileDefined(
  [VolumeSnapshotKind, VolumeSnapshotContentKind, VolumeSnapshotClassKind],
  toLoop(snapshotController),
);

/** Once: as long as it stays the same there is nothing new to say. */
async function tell(snapshot: VolumeSnapshot, { name: reason, message }: Trouble, deps: Deps): Promise<void> {
  if (snapshot.status?.error?.message === message) return;
  const error = { time: timestamp(deps.nowMs()), message };
  // Of a class it says nothing of whether the snapshot can be used.
  const status = { error, ...(reason.endsWith('SnapshotClassFailed') ? {} : { readyToUse: false }) };
  await deps.snapshots.patch(snapshot.metadata, { status }, { type: 'merge', subresource: 'status' });
  deps.say(snapshot, 'Warning', reason, message);
}

async function bring(snapshot: VolumeSnapshot, deps: Deps): Promise<void> {
  const bound = snapshot.status?.boundVolumeSnapshotContentName;
  const content = await contentOf(snapshot, deps);
  if (!content && (bound || snapshot.spec.source.volumeSnapshotContentName !== undefined))
    throw trouble('SnapshotContentMissing', 'VolumeSnapshotContent is missing');
  const snapshotClass = isReady(snapshot) ? undefined : await classOf(snapshot, deps);
  const policy = (content?.spec ?? snapshotClass)?.deletionPolicy;
  const current = await prepare(snapshot, policy, snapshotClass?.metadata.name, deps);
  if (isReady(current)) return;
  const found = content ? await bind(current, content, deps) : await createContent(current, snapshotClass!, deps);
  const status = statusOf(current, found);
  if (jsonEqual(status, current.status)) return;
  await deps.snapshots.updateStatus({ ...current, status });
  const name = keyOf(current);
  if (status.creationTime && !current.status?.creationTime)
    deps.say(current, 'Normal', 'SnapshotCreated', `Snapshot ${name} was successfully created by the CSI driver.`);
  if (status.readyToUse) deps.say(current, 'Normal', 'SnapshotReady', `Snapshot ${name} is ready to use.`);
}

/** Undefined when there is none; throws when it is not what the snapshot asks for. */
async function contentOf(snapshot: VolumeSnapshot, deps: Deps): Promise<VolumeSnapshotContent | undefined> {
  const wanted = snapshot.spec.source.volumeSnapshotContentName;
  const bound = snapshot.status?.boundVolumeSnapshotContentName;
  const name = wanted ?? bound ?? contentNameOf(snapshot);
  // What we have just made may not be in the cache yet.
  const content = deps.contentLister.get(name) ?? (await unlessGone(deps.contents.get({ name })));
  if (!content) return undefined;
  if (isReady(snapshot) && !isOf(content, snapshot))
    throw trouble('SnapshotMisbound', 'VolumeSnapshotContent is not bound to the VolumeSnapshot correctly');
  const isMade = content.spec.source.volumeHandle !== undefined;
  const mismatch = (which: string, is: string, expected: string) =>
    trouble('SnapshotContentMismatch', `VolumeSnapshotContent ${which}is ${is} while expecting a ${expected} one`);
  if (wanted !== undefined && isMade) throw mismatch('', 'dynamically provisioned', 'pre-provisioned');
  if (wanted === undefined && !isMade) throw mismatch(`${name} `, 'pre-provisioned', 'dynamically provisioned');
  if (!isOf(content, snapshot, wanted === undefined))
    throw trouble('SnapshotContentMisbound', `VolumeSnapshotContent [${name}] is bound to a different snapshot`);
  return content;
}

/** The class that is named, or the default of the volume's driver. Pre-provisioned snapshots need none. */
async function classOf(snapshot: VolumeSnapshot, deps: Deps): Promise<VolumeSnapshotClass | undefined> {
  const { volumeSnapshotClassName: name, source } = snapshot.spec;
  if (name !== undefined) {
    const found = deps.classLister.get(name);
    if (found) return found;
    const why = `volumesnapshotclass.${snapshotGroup} "${name}" not found`;
    throw trouble('GetSnapshotClassFailed', `Failed to get snapshot class with error ${why}`);
  }
  if (source.volumeSnapshotContentName !== undefined) return undefined;
  try {
    const { spec } = await volumeOf(snapshot, deps);
    if (!spec.csi) throw new Error(`snapshotting non-CSI volumes is not supported, snapshot:${keyOf(snapshot)}`);
    const defaults = deps.classLister
      .list()
      .filter((it) => it.metadata.annotations?.[defaultSnapshotClass] === 'true' && it.driver === spec.csi?.driver);
    if (defaults.length === 1) return defaults[0];
    const none = 'cannot find default snapshot class';
    throw new Error(defaults.length === 0 ? none : `${defaults.length} default snapshot classes were found`);
  } catch (err) {
    const why = messageOf(err);
    throw trouble('SetDefaultSnapshotClassFailed', `Failed to set default snapshot class with error ${why}`);
  }
}

/** The volume behind the claim that a snapshot is taken of. Throws while there is none. */
async function volumeOf(snapshot: VolumeSnapshot, { claimLister, volumes }: Deps): Promise<PersistentVolume> {
  const name = snapshot.spec.source.persistentVolumeClaimName;
  const claim = claimLister.get(claimKeyOf(snapshot));
  if (!claim)
    throw new Error(`failed to retrieve PVC ${name} from the lister: "persistentvolumeclaim \\"${name}\\" not found"`);
  if (claim.status?.phase !== 'Bound')
    throw new Error(`the PVC ${name} is not yet bound to a PV, will not attempt to take a snapshot`);
  const volume = await volumes.get({ name: claim.spec.volumeName ?? '' });
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) throw new Error('claim in dataSource not bound or invalid');
  return volume;
}

/** Writes what is missing of the class and the finalizers. */
async function prepare(
  snapshot: VolumeSnapshot,
  policy: string | undefined,
  className: string | undefined,
  { snapshots }: Deps,
): Promise<VolumeSnapshot> {
  const { metadata, spec } = snapshot;
  const { source, bound } = snapshotFinalizers;
  const wanted = policy === 'Delete' ? [source, bound] : [source];
  const finalizers = [...new Set([...(metadata.finalizers ?? []), ...wanted])];
  const isClassSet = className === undefined || spec.volumeSnapshotClassName !== undefined;
  if (finalizers.length === metadata.finalizers?.length && isClassSet) return snapshot;
  const next = isClassSet ? spec : { ...spec, volumeSnapshotClassName: className };
  return snapshots.update({ ...snapshot, metadata: { ...metadata, finalizers }, spec: next });
}

/** Makes the content point back at the snapshot. */
async function bind(
  { metadata, spec }: VolumeSnapshot,
  content: VolumeSnapshotContent,
  { contents }: Deps,
): Promise<VolumeSnapshotContent> {
  const { finalizers = [], deletionTimestamp, resourceVersion } = content.metadata;
  const { volumeSnapshotRef, volumeSnapshotClassName } = content.spec;
  const wanted = volumeSnapshotClassName ?? spec.volumeSnapshotClassName;
  const isHeld = finalizers.includes(contentFinalizer) || deletionTimestamp !== undefined;
  if (volumeSnapshotRef.uid === metadata.uid && wanted === volumeSnapshotClassName && isHeld) return content;
  const patch = {
    metadata: { resourceVersion, ...(isHeld ? {} : { finalizers: [...finalizers, contentFinalizer] }) },
    spec: { volumeSnapshotRef: { uid: metadata.uid }, ...(wanted ? { volumeSnapshotClassName: wanted } : {}) },
  };
  return contents.patch(content.metadata, patch, { type: 'merge' });
}

async function createContent(
  snapshot: VolumeSnapshot,
  snapshotClass: VolumeSnapshotClass,
  deps: Deps,
): Promise<VolumeSnapshotContent> {
  try {
    const content = await planContent(snapshot, snapshotClass, deps);
    const made = await deps.contents.create(content).catch((err) => {
      if (!isAlreadyExists(err)) throw updateFailed(keyOf(snapshot), err.message);
    });
    const what = `Waiting for a snapshot ${keyOf(snapshot)} to be created by the CSI driver.`;
    if (made) deps.say(snapshot, 'Normal', 'CreatingSnapshot', what);
    return made ?? content;
  } catch (err) {
    if (isConflict(err)) throw err;
    const why = messageOf(err);
    throw trouble('SnapshotContentCreationFailed', `Failed to create snapshot content with error ${why}`);
  }
}

/** Holds the claim, too. */
async function planContent(
  snapshot: VolumeSnapshot,
  { metadata, parameters, deletionPolicy, driver }: VolumeSnapshotClass,
  deps: Deps,
): Promise<VolumeSnapshotContent> {
  const { namespace, name, uid, resourceVersion } = snapshot.metadata;
  await holdClaim(snapshot, deps);
  const { metadata: volume, spec } = await volumeOf(snapshot, deps).catch((err) => {
    const why = JSON.stringify(err.message);
    throw new Error(`failed to get input parameters to create snapshot ${name}: ${why}`);
  });
  const { csi, volumeMode, nodeAffinity } = spec;
  if (!csi) throw new Error(`cannot find CSI PersistentVolumeSource for volume ${volume.name}`);
  const secret = Object.keys(parameters ?? {}).find((key) => /^csi\.storage\.k8s\.io\/.*secret/.test(key));
  if (secret) throw new Error(`parameter ${secret} is not supported: drivers get no secrets for snapshots`);
  const isNear = nodeAffinity?.required && compileNodeSelector(nodeAffinity.required);
  const node = isNear && deps.nodeLister.list().find(isNear)?.metadata.name;
  const { kind, apiVersion } = VolumeSnapshotKind;
  return {
    metadata: {
      name: contentNameOf(snapshot),
      finalizers: [contentFinalizer],
      ...(node ? { labels: { [managedByNode]: node } } : {}),
    },
    spec: {
      volumeSnapshotRef: { kind, apiVersion, namespace, name, uid, resourceVersion },
      source: { volumeHandle: csi.volumeHandle },
      volumeSnapshotClassName: metadata.name,
      deletionPolicy,
      driver,
      ...(volumeMode ? { sourceVolumeMode: volumeMode } : {}),
    },
  };
}

/** The claim stays until the snapshot is taken. */
async function holdClaim(snapshot: VolumeSnapshot, { claimLister, claims }: Deps): Promise<void> {
  const claim = claimLister.get(claimKeyOf(snapshot));
  if (!claim) throw updateFailed(snapshot.metadata.name, 'cannot get claim from snapshot');
  const { metadata } = claim;
  const { finalizers = [] } = metadata;
  if (finalizers.includes(claimSourceFinalizer)) return;
  const why = 'cannot add finalizer on claim because it is being deleted';
  if (metadata.deletionTimestamp) throw updateFailed(metadata.name, why);
  await claims.update({ ...claim, metadata: { ...metadata, finalizers: [...finalizers, claimSourceFinalizer] } });
}

/** Lets go of the claim when no snapshot is being taken of it. */
async function releaseClaim(
  snapshot: VolumeSnapshot,
  claim: PersistentVolumeClaim | undefined,
  { lister, claims }: Deps,
): Promise<void> {
  if (!claim?.metadata.finalizers?.includes(claimSourceFinalizer)) return;
  const isGoing = ({ metadata }: VolumeSnapshot) =>
    metadata.deletionTimestamp !== undefined && metadata.uid === snapshot.metadata.uid;
  if (lister.byIndex(bySource, keyOf(claim)).some((it) => !isReady(it) && !isGoing(it))) return;
  const finalizers = claim.metadata.finalizers.filter((one) => one !== claimSourceFinalizer);
  await unlessGone(claims.update({ ...claim, metadata: { ...claim.metadata, finalizers } }));
}

/** The content of a snapshot that is being deleted goes before it, where its policy says so. */
async function letGo(snapshot: VolumeSnapshot, deps: Deps): Promise<undefined> {
  const { metadata, spec, status } = snapshot;
  const own: readonly string[] = Object.values(snapshotFinalizers);
  if (!metadata.finalizers?.some((one) => own.includes(one))) return undefined;
  const claimName = spec.source.persistentVolumeClaimName;
  const name = status?.boundVolumeSnapshotContentName ?? (claimName === undefined ? '' : contentNameOf(snapshot));
  // Asked for, as is the claim: what the cache does not show yet would be left as it is for good.
  const found = name === '' ? undefined : await unlessGone(deps.contents.get({ name }));
  const content = found && isOf(found, snapshot) ? found : undefined;
  if (content && isBeingRestored(snapshot, deps)) {
    deps.say(snapshot, 'Warning', 'SnapshotDeletePending', 'Snapshot is being used to restore a PVC');
    return undefined;
  }
  const isToGo = content?.spec.deletionPolicy === 'Delete';
  if (content && content.metadata.annotations?.[beingDeleted] === undefined) {
    const patch = { metadata: { annotations: { [beingDeleted]: 'yes' } } };
    await unlessGone(deps.contents.patch({ name }, patch, { type: 'merge' }));
  }
  if (isToGo && !content.metadata.deletionTimestamp)
    await unlessGone(deps.contents.delete({ name }, { uid: content.metadata.uid ?? '' }));
  if (claimName !== undefined) {
    const claim = await unlessGone(deps.claims.get({ ...metadata, name: claimName }));
    await releaseClaim(snapshot, claim, deps);
  }
  const gone = isToGo ? [snapshotFinalizers.source as string] : own;
  const finalizers = metadata.finalizers.filter((one) => !gone.includes(one));
  if (finalizers.length === metadata.finalizers.length) return undefined;
  await unlessGone(deps.snapshots.update({ ...snapshot, metadata: { ...metadata, finalizers } }));
  return undefined;
}

const isBeingRestored = ({ metadata }: VolumeSnapshot, { claimLister }: Deps) =>
  claimLister
    .inNamespace(metadata.namespace ?? '')
    .some(({ spec, status }) => snapshotSourceOf(spec) === metadata.name && status?.phase === 'Pending');
