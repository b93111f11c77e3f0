// Snapshots of volumes as objects. Their kinds are no server's own: they are custom resources, defined by `up` from what
// stands here (`cli/steps/snapshot-definitions.ts`).
// https://kubernetes.io/docs/concepts/storage/volume-snapshots/
import { defineKind, type Scope } from '../../machinery/kind.ts';
import { type KubeObject, objectFields } from '../../machinery/metadata.ts';
import { type ObjectSchema, s } from '../../machinery/schema.ts';
import { objectReference } from '../core/object-reference.ts';
import type { PersistentVolumeClaimSpec } from '../core/pod/volume-claim.ts';
import type { ObjectOf } from '../meta/object.ts';

export const snapshotGroup = 'snapshot.storage.k8s.io';

/** A part of a kind, under no name of its own. */
const part = <const F extends Parameters<typeof s.object>[2]>(fields: F) => s.object('', '', fields);
const must = { required: true } as const;
const className = s.string("The VolumeSnapshotClass; a snapshot without one gets its driver's default.");
const deletionPolicy = s.string('Whether it goes with its VolumeSnapshot.', { ...must, enum: ['Delete', 'Retain'] });
const readyToUse = s.boolean('Whether volumes can be made from it.', { pointer: true });
const failure = part({ message: s.string('In words.'), time: s.time('When.') });
const error = s.field(failure, 'What went wrong last; gone once it is taken.');

const snapshotSource = part({
  volumeSnapshotContentName: s.string('The content of one that is there.'),
  persistentVolumeClaimName: s.string('The claim, of the same namespace, that it is taken of.'),
});
const snapshotSpec = part({
  source: s.field(snapshotSource, 'What it is of: one of both.', must),
  volumeSnapshotClassName: className,
});
const snapshotStatus = part({
  boundVolumeSnapshotContentName: s.string('Its content. They belong together only when that points back.'),
  creationTime: s.time('When it was taken.'),
  error,
  readyToUse,
  restoreSize: s.quantity('The least size of a volume that is made from it.'),
  volumeGroupSnapshotName: s.string('The group that it was taken with.'),
});
const snapshotSchema = s.object('', 'Asks for a snapshot of a claim, or for one that is there.', {
  ...objectFields,
  spec: s.field(snapshotSpec, 'What is asked for.', must),
  status: s.field(snapshotStatus, 'How far it is.'),
});
export interface VolumeSnapshot extends ObjectOf<typeof snapshotSchema> {}

const contentSource = part({
  volumeHandle: s.string("The driver's name for the volume that it is taken of."),
  snapshotHandle: s.string("The driver's name for a snapshot that is there."),
});
const contentSpec = part({
  deletionPolicy,
  driver: s.string('The CSI driver that has it.', must),
  source: s.field(contentSource, 'What it is of: one of both.', must),
  sourceVolumeMode: s.string('Whether the volume was a Filesystem or a Block, where that is known.'),
  volumeSnapshotClassName: className,
  volumeSnapshotRef: s.field(objectReference, 'The VolumeSnapshot that it belongs to.', must),
});
const contentStatus = part({
  creationTime: s.int64('When it was taken, in nanoseconds since 1970.'),
  error,
  readyToUse,
  restoreSize: s.int64('Its size in bytes.'),
  snapshotHandle: s.string("The driver's name for it."),
  volumeGroupSnapshotHandle: s.string('The group that it was taken with.'),
});
const contentSchema = s.object('', 'A snapshot in a storage system.', {
  ...objectFields,
  spec: s.field(contentSpec, 'Which one it is.', must),
  status: s.field(contentStatus, 'What the driver says.'),
});
export interface VolumeSnapshotContent extends ObjectOf<typeof contentSchema> {}

const classSchema = s.object('', 'How a driver takes snapshots.', {
  ...objectFields,
  deletionPolicy,
  driver: s.string('The CSI driver.', must),
  parameters: s.map(s.string(''), "The driver's own."),
});
export interface VolumeSnapshotClass extends ObjectOf<typeof classSchema> {}

function kindOf<T extends KubeObject>(schema: ObjectSchema, kind: string, scope: Scope, shortNames: string[]) {
  const plural = `${kind.toLowerCase()}${kind.endsWith('s') ? 'es' : 's'}`;
  const subresources = { status: schema.fields.status !== undefined };
  const served = [{ group: snapshotGroup, version: 'v1', schema }];
  return defineKind<T>({ kind, plural, scope, shortNames, subresources, isCustom: true, served });
}
export const VolumeSnapshotKind = kindOf<VolumeSnapshot>(snapshotSchema, 'VolumeSnapshot', 'Namespaced', ['vs']);
export const VolumeSnapshotContentKind = kindOf<VolumeSnapshotContent>(
  contentSchema,
  'VolumeSnapshotContent',
  'Cluster',
  ['vsc', 'vscs'],
);
export const VolumeSnapshotClassKind = kindOf<VolumeSnapshotClass>(classSchema, 'VolumeSnapshotClass', 'Cluster', [
  'vsclass',
  'vsclasses',
]);

const prefix = 'snapshot.storage.kubernetes.io';
/** Annotation of a class: snapshots of its driver that name no class get it. */
export const defaultSnapshotClass = `${prefix}/is-default-class`;
/** Finalizers of a snapshot: volumes may be made from it; its content goes first. */
export const snapshotFinalizers = {
  source: `${prefix}/volumesnapshot-as-source-protection`,
  bound: `${prefix}/volumesnapshot-bound-protection`,
} as const;
export const contentFinalizer = `${prefix}/volumesnapshotcontent-bound-protection`;
/** Finalizer of a claim of which a snapshot is being taken. */
export const claimSourceFinalizer = `${prefix}/pvc-as-source-protection`;
/** Annotations of a content: the driver has been asked to take it, and may have done so; its snapshot is going. */
export const beingCreated = `${prefix}/volumesnapshot-being-created`;
export const beingDeleted = `${prefix}/volumesnapshot-being-deleted`;
/** Label of a content: the node on which it lies. */
export const managedByNode = `${prefix}/managed-by`;

/** The snapshot, of the claim's namespace, that the claim's volume is to be made from. */
export function snapshotSourceOf({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec): string | undefined {
  const from = dataSource ?? dataSourceRef;
  return from?.kind === VolumeSnapshotKind.kind && from.apiGroup === snapshotGroup ? from.name : undefined;
}
