// What a persistent volume claim asks for; also the template of an ephemeral volume.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { labelSelector, objectMeta } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { typedLocalObjectReference, typedObjectReference } from '../object-reference.ts';

const volumeResourceRequirements = s.api('core.v1.VolumeResourceRequirements', 'Size of a volume.', {
  limits: s.map(s.quantity(''), 'Most.'),
  requests: s.map(s.quantity(''), 'Least.'),
});
export interface VolumeResourceRequirements extends TypeOf<typeof volumeResourceRequirements> {}

const accessMode = s.string('', { enum: ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'] });

/** How a volume may be mounted. */
export const accessModesField = (doc: string) => s.list(accessMode, doc, atomic);

export const persistentVolumeClaimSpec = s.api('core.v1.PersistentVolumeClaimSpec', 'What a claim asks for.', {
  accessModes: accessModesField('How it may be mounted.'),
  dataSource: s.field(typedLocalObjectReference, 'Snapshot or claim to fill it from.'),
  dataSourceRef: s.field(typedObjectReference, 'Object to fill it from, of any kind.'),
  resources: s.field(volumeResourceRequirements, 'Least size, most size.', { always: true }),
  selector: s.field(labelSelector, 'Labels of volumes that may be bound.'),
  storageClassName: s.string('Storage class.', { pointer: true }),
  volumeAttributesClassName: s.string('Volume attributes class.', { pointer: true }),
  volumeMode: s.string('Filesystem or Block.', { pointer: true, default: 'Filesystem', enum: ['Block', 'Filesystem'] }),
  volumeName: s.string('The bound volume.'),
});
export interface PersistentVolumeClaimSpec extends TypeOf<typeof persistentVolumeClaimSpec> {}

export const persistentVolumeClaimTemplate = s.api('core.v1.PersistentVolumeClaimTemplate', 'A claim to make.', {
  metadata: s.field(objectMeta, 'Labels and annotations of the claim.', { always: true }),
  spec: s.field(persistentVolumeClaimSpec, 'What the claim asks for.', mandatory),
});
export interface PersistentVolumeClaimTemplate extends TypeOf<typeof persistentVolumeClaimTemplate> {}
