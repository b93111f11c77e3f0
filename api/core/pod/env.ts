// Environment variables and their sources.
// https://kubernetes.io/docs/tasks/inject-data-application/ Validation: env-validation.ts.
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

const configMapKeySelector = s.atomic('core.v1.ConfigMapKeySelector', 'A key of a ConfigMap.', {
  key: s.string('Key to take.', mandatory),
  name: s.string('Name of the ConfigMap.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

export const objectFieldSelector = s.atomic('core.v1.ObjectFieldSelector', 'A field of the pod.', {
  apiVersion: s.string('API version of the path.', { default: 'v1' }),
  fieldPath: s.string('Path of the field, metadata.name.', mandatory),
});
export interface ObjectFieldSelector extends TypeOf<typeof objectFieldSelector> {}

const fileKeySelector = s.atomic('core.v1.FileKeySelector', 'A key of an environment file in a volume.', {
  key: s.string('Key to take.', mandatory),
  optional: s.boolean('Start even if it is missing.', { pointer: true, default: false }),
  path: s.string('File within the volume.', mandatory),
  volumeName: s.string('Volume that holds the file.', mandatory),
});

export const resourceFieldSelector = s.atomic('core.v1.ResourceFieldSelector', 'A resource of a container.', {
  containerName: s.string('Name of the container; needed in volumes.'),
  divisor: s.quantity('Unit in which the value is given.', { always: true }),
  resource: s.string('Which one, limits.cpu.', mandatory),
});
export interface ResourceFieldSelector extends TypeOf<typeof resourceFieldSelector> {}

const secretKeySelector = s.atomic('core.v1.SecretKeySelector', 'A key of a Secret.', {
  key: s.string('Key to take.', mandatory),
  name: s.string('Name of the Secret.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

const envVarSource = s.api('core.v1.EnvVarSource', 'Where the value of a variable comes from; exactly one field.', {
  configMapKeyRef: s.field(configMapKeySelector, 'A key of a ConfigMap.'),
  fieldRef: s.field(objectFieldSelector, 'A field of the pod.'),
  fileKeyRef: s.field(fileKeySelector, 'A key of a file in a volume.'),
  resourceFieldRef: s.field(resourceFieldSelector, 'A resource of a container.'),
  secretKeyRef: s.field(secretKeySelector, 'A key of a Secret.'),
});
export interface EnvVarSource extends TypeOf<typeof envVarSource> {}

export const envVar = s.api('core.v1.EnvVar', 'An environment variable.', {
  name: s.string('Name of the variable.', mandatory),
  value: s.string('Value; $(NAME) refers to variables defined before.'),
  valueFrom: s.field(envVarSource, 'Source of the value.'),
});
export interface EnvVar extends TypeOf<typeof envVar> {}

const configMapEnvSource = s.api('core.v1.ConfigMapEnvSource', 'A ConfigMap as source of variables.', {
  name: s.string('Name of the ConfigMap.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

const secretEnvSource = s.api('core.v1.SecretEnvSource', 'A Secret as source of variables.', {
  name: s.string('Name of the Secret.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

export const envFromSource = s.api('core.v1.EnvFromSource', 'Takes all keys of a ConfigMap or Secret as variables.', {
  configMapRef: s.field(configMapEnvSource, 'The ConfigMap.'),
  prefix: s.string('Put before each name.'),
  secretRef: s.field(secretEnvSource, 'The Secret.'),
});
export interface EnvFromSource extends TypeOf<typeof envFromSource> {}
