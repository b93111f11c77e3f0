// VolumeAttributesClass: settings of a volume that can be changed while it is in use.
// https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/
import { type FieldError, forbidden } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import { ageColumn, defaultableNameColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateParameters, validateProvisioner } from './parameters.ts';

const schema = s.api('storage.v1.VolumeAttributesClass', 'Settings of a volume that can change while it is in use.', {
  ...objectFields,
  driverName: s.string('The CSI driver that knows the parameters.', mandatory),
  parameters: s.map(s.string(''), 'The settings, in terms of the driver.'),
});
export interface VolumeAttributesClass extends ObjectOf<typeof schema> {}

export const VolumeAttributesClassKind = defineKind<VolumeAttributesClass>({
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  scope: 'Cluster',
  shortNames: ['vac'],
  served: [{ group: 'storage.k8s.io', version: 'v1', schema }],
  returnsDeletedObject: true,
  columns: [
    defaultableNameColumn(['volumeattributesclass.alpha.kubernetes.io/is-default-class']),
    column('DriverName', 'string', 'The driver that knows the parameters.', (it) => it.driverName),
    ageColumn,
  ],
  validate: (it) => [
    ...validateProvisioner(it.driverName, 'driverName'),
    ...validateParameters(it.parameters, { mayBeEmpty: false }, 'parameters'),
  ],
  validateUpdate,
});

function validateUpdate(next: VolumeAttributesClass, old: VolumeAttributesClass): FieldError[] {
  return (['driverName', 'parameters'] as const)
    .filter((field) => !jsonEqual(next[field], old[field]))
    .map((field) => forbidden(field, `updates to ${field} are forbidden.`));
}
