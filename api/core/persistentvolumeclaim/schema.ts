// What a persistent volume claim is; what it asks for stands in pod/volume-claim.ts, as ephemeral volumes do too.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { conditionFields, objectFields } from '../../../machinery/metadata.ts';
import { mandatory, mergedBy, s } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { accessModesField, persistentVolumeClaimSpec } from '../pod/volume-claim.ts';

const condition = s.api('core.v1.PersistentVolumeClaimCondition', 'One aspect of the state of a claim.', {
  lastProbeTime: s.time('When it was last checked.', { always: true }),
  ...conditionFields,
});

export const modifyVolumeStatus = s.api('core.v1.ModifyVolumeStatus', 'How far a change of attributes is.', {
  status: s.string('Pending, InProgress or Infeasible.', {
    ...mandatory,
    enum: ['InProgress', 'Infeasible', 'Pending'],
  }),
  targetVolumeAttributesClassName: s.string('The class it changes to.'),
});

export const resizeStatuses = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
] as const;

const persistentVolumeClaimStatus = s.api('core.v1.PersistentVolumeClaimStatus', 'Observed state of a claim.', {
  accessModes: accessModesField('How the bound volume may be mounted.'),
  allocatedResourceStatuses: s.map(s.string('', { enum: resizeStatuses }), 'How far a resize is, by resource.', {
    mapType: 'granular',
  }),
  allocatedResources: s.map(s.quantity(''), 'What a resize has set aside.'),
  capacity: s.map(s.quantity(''), 'Size of the bound volume.'),
  conditions: s.list(condition, 'Resizing and modification.', mergedBy('type')),
  currentVolumeAttributesClassName: s.string('Volume attributes class in use.', { pointer: true }),
  modifyVolumeStatus: s.field(modifyVolumeStatus, 'How far a change of attributes is.'),
  phase: s.string('Pending, Bound or Lost.', { default: 'Pending', enum: ['Bound', 'Lost', 'Pending'] }),
});

/** Types of the conditions that tell how a resize goes; they are gone with it. */
export const resizeConditions: ReadonlySet<string> = new Set([
  'Resizing',
  'FileSystemResizePending',
  'ControllerResizeError',
  'NodeResizeError',
]);

export const persistentVolumeClaimSchema = s.api('core.v1.PersistentVolumeClaim', 'Asks for a volume, and holds it.', {
  ...objectFields,
  spec: s.field(persistentVolumeClaimSpec, 'What is asked for.', { always: true }),
  status: s.field(persistentVolumeClaimStatus, 'What was given.', { always: true }),
});
export interface PersistentVolumeClaim extends ObjectOf<typeof persistentVolumeClaimSchema> {}
