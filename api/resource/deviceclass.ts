// DeviceClass: a kind of device that claims can ask for.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#deviceclass
import { append, type FieldError, invalid } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s } from '../../machinery/schema.ts';
import { isExtendedResource } from '../core/resource-names.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateList } from './device/names.ts';
import { deviceSelector, opaqueDeviceConfiguration } from './device/schema.ts';
import { limits, validateOpaque, validateSelectors } from './device/validation.ts';

const deviceClassConfiguration = s.api('resource.v1.DeviceClassConfiguration', 'Settings for all devices of a class.', {
  opaque: s.field(opaqueDeviceConfiguration, 'Settings for a driver.'),
});

const deviceClassSpec = s.api('resource.v1.DeviceClassSpec', 'Which devices belong to a class.', {
  config: s.list(deviceClassConfiguration, 'Settings for the drivers.', atomic),
  extendedResourceName: s.string('Extended resource by which pods may ask for it as well.', { pointer: true }),
  selectors: s.list(deviceSelector, 'What its devices are like; all must hold.', atomic),
});

const schema = s.api('resource.v1.DeviceClass', 'A kind of device that claims can ask for.', {
  ...objectFields,
  spec: s.field(deviceClassSpec, 'Which devices belong to it.', mandatory),
});
export interface DeviceClass extends ObjectOf<typeof schema> {}

export const DeviceClassKind = defineKind<DeviceClass>({
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  scope: 'Cluster',
  served: [{ group: 'resource.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  returnsDeletedObject: true,
  columns: [ageColumn],
  validate,
});

function validate({ spec }: DeviceClass, old?: DeviceClass): FieldError[] {
  const errors = validateSelectors(spec.selectors, 'spec.selectors', old && (old.spec.selectors ?? []));
  append(
    errors,
    validateList(spec.config, limits.config, 'spec.config', ({ opaque }, path) => validateOpaque(opaque, path)),
  );
  const resource = spec.extendedResourceName;
  if (resource !== undefined && !isExtendedResource(resource)) {
    errors.push(invalid('spec.extendedResourceName', resource, 'must be a valid extended resource name'));
  }
  return errors;
}
