// VolumeAttachment: that a volume should be attached to a node, and how that went.
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
import { append, type FieldError, forbidden, invalid, required, tooLong } from '../../machinery/field-error.ts';
import { clientMetadata, column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { byteLength } from '../../machinery/name-rules.ts';
import { mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { type PersistentVolumeSpec, persistentVolumeSpec } from '../core/persistentvolume/schema.ts';
import { validateSources } from '../core/persistentvolume/validation.ts';
import { validateAccessModes } from '../core/pod/volume-claim-validation.ts';
import { rangeText, validateDNSSubdomain } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable } from '../meta/validation.ts';
import { validateCSIDriverName } from './parameters.ts';

const { persistentVolumeReclaimPolicy, volumeMode } = persistentVolumeSpec.fields;

/** Of a PersistentVolume, without what is filled in for those that are kept. */
const inlineVolumeSpec: typeof persistentVolumeSpec = {
  ...persistentVolumeSpec,
  fields: {
    ...persistentVolumeSpec.fields,
    persistentVolumeReclaimPolicy: { ...persistentVolumeReclaimPolicy!, default: undefined },
    volumeMode: { ...volumeMode!, default: undefined },
  },
};

const volumeAttachmentSource = s.api('storage.v1.VolumeAttachmentSource', 'A volume; exactly one source.', {
  inlineVolumeSpec: s.field(inlineVolumeSpec, 'A volume of a driver that is not kept as an object.'),
  persistentVolumeName: s.string('A PersistentVolume.', { pointer: true }),
});
interface VolumeAttachmentSource extends TypeOf<typeof volumeAttachmentSource> {}

const volumeAttachmentSpec = s.api('storage.v1.VolumeAttachmentSpec', 'Which volume goes to which node.', {
  attacher: s.string('The driver that attaches it.', mandatory),
  nodeName: s.string('The node.', mandatory),
  source: s.field(volumeAttachmentSource, 'The volume.', mandatory),
});

const volumeError = s.api('storage.v1.VolumeError', 'What went wrong with a volume.', {
  errorCode: s.int32('gRPC code of the error.', { pointer: true }),
  message: s.string('The error in words.'),
  time: s.time('When it happened.'),
});
interface VolumeError extends TypeOf<typeof volumeError> {}

const volumeAttachmentStatus = s.api('storage.v1.VolumeAttachmentStatus', 'How the attachment went.', {
  attachError: s.field(volumeError, 'Why it could not be attached.'),
  attached: s.boolean('Whether it is attached.', mandatory),
  attachmentMetadata: s.map(s.string(''), 'What the driver says for those who mount it.'),
  detachError: s.field(volumeError, 'Why it could not be detached.'),
});

const schema = s.api('storage.v1.VolumeAttachment', 'That a volume is attached to a node.', {
  ...objectFields,
  spec: s.field(volumeAttachmentSpec, 'Which volume goes to which node.', mandatory),
  status: s.field(volumeAttachmentStatus, 'How that went.', { always: true }),
});
export interface VolumeAttachment extends ObjectOf<typeof schema> {}

export const VolumeAttachmentKind = defineKind<VolumeAttachment>({
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  scope: 'Cluster',
  demandsVersion: true,
  served: [{ group: 'storage.k8s.io', version: 'v1', schema }],
  subresources: { status: true },
  statusKeeps: clientMetadata,
  returnsDeletedObject: true,
  columns: [
    { name: 'Attacher', type: 'string', format: 'name', doc: 'The driver.', cell: ({ spec }) => spec.attacher },
    column('PV', 'string', 'The volume.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    column('Node', 'string', 'The node.', ({ spec }) => spec.nodeName),
    column('Attached', 'boolean', 'Whether it is attached.', ({ status }) => status?.attached ?? false),
    ageColumn,
  ],
  validate,
  validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, 'spec'),
  validateStatusUpdate: validateStatus,
});

function validate(it: VolumeAttachment, old?: VolumeAttachment): FieldError[] {
  const { attacher, nodeName, source } = it.spec;
  const errors: FieldError[] = attacher ? [] : [required('spec.attacher')];
  append(errors, validateSource(source));
  append(errors, validateDNSSubdomain(nodeName, 'spec.nodeName'));
  append(errors, validateStatus(it));
  return old ? errors : [...errors, ...validateNames(it)];
}

/** New ones are held to more than those that are there. */
function validateNames({ spec: { attacher, source } }: VolumeAttachment): FieldError[] {
  const volume = source.persistentVolumeName;
  const errors = validateCSIDriverName(attacher, 'spec.attacher');
  if (volume !== undefined) append(errors, validateDNSSubdomain(volume, 'spec.source.persistentVolumeName'));
  return errors;
}

function validateSource(source: VolumeAttachmentSource): FieldError[] {
  const { inlineVolumeSpec: inline, persistentVolumeName } = source;
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inline && persistentVolumeName !== undefined) return [forbidden('spec.source', one)];
  if (inline) return validateInline(inline, 'spec.source.inlineVolumeSpec');
  if (persistentVolumeName === undefined) return [required('spec.source', one)];
  const text = 'must specify non empty persistentVolumeName';
  return persistentVolumeName ? [] : [required('spec.source.persistentVolumeName', text)];
}

/** A volume without an object is one of a CSI driver, and says only where it is. */
function validateInline(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const text = 'may not be specified in the context of inline volumes';
  const refuse = (...fields: (keyof PersistentVolumeSpec)[]) =>
    fields
      .filter((field) => spec[field] !== undefined && Object.keys(Object(spec[field])).length > 0)
      .map((field) => forbidden(`${path}.${field}`, text));
  const errors = refuse('claimRef', 'capacity');
  if (!spec.csi) errors.push(required(`${path}.csi`, 'has to be specified in the context of inline volumes'));
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required(`${path}.accessModes`));
  append(errors, validateAccessModes(modes, `${path}.accessModes`));
  append(errors, refuse('persistentVolumeReclaimPolicy', 'nodeAffinity'));
  append(errors, validateSources(spec, path, ''));
  return [...errors, ...refuse('storageClassName', 'volumeMode')];
}

const maxMetadataBytes = 256 * 1024;
const maxMessageLength = 1024;

function validateStatus({ status }: VolumeAttachment): FieldError[] {
  const entries = Object.entries(status?.attachmentMetadata ?? {});
  const bytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0);
  return [
    ...(bytes > maxMetadataBytes ? [tooLong('status.attachmentMetadata', maxMetadataBytes)] : []),
    ...validateVolumeError(status?.attachError, 'status.attachError'),
    ...validateVolumeError(status?.detachError, 'status.detachError'),
  ];
}

function validateVolumeError(error: VolumeError | undefined, path: string): FieldError[] {
  const { message = '', errorCode = 0 } = error ?? {};
  // The limit that is named is another one: that is what people meet.
  const errors = byteLength(message) > maxMessageLength ? [tooLong(`${path}.message`, maxMetadataBytes)] : [];
  if (errorCode < 0) errors.push(invalid(`${path}.errorCode`, errorCode, rangeText(0, 2 ** 31 - 1)));
  return errors;
}
