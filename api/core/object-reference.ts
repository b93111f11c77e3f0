// References from one object to another.
// Which of them a field takes says what it may point at.
import { mandatory, s, type TypeOf } from '../../machinery/schema.ts';

export const objectReference = s.atomic('core.v1.ObjectReference', 'Names an object, or a part of it.', {
  apiVersion: s.string('API version of the object.'),
  fieldPath: s.string('Part of the object, spec.containers{name}.'),
  kind: s.string('Kind of the object.'),
  name: s.string('Name of the object.'),
  namespace: s.string('Namespace of the object.'),
  resourceVersion: s.string('Version of the object that is meant.'),
  uid: s.string('UID of the object.'),
});
export interface ObjectReference extends TypeOf<typeof objectReference> {}

export const localObjectReference = s.atomic('core.v1.LocalObjectReference', 'Names an object in the same namespace.', {
  name: s.string('Name of the object.'),
});

export const secretReference = s.atomic('core.v1.SecretReference', 'Names a secret of any namespace.', {
  name: s.string('Name of the secret.'),
  namespace: s.string('Namespace of the secret.'),
});
export interface SecretReference extends TypeOf<typeof secretReference> {}

export const typedLocalObjectReference = s.atomic(
  'core.v1.TypedLocalObjectReference',
  'Names an object of some kind in the same namespace.',
  {
    apiGroup: s.string('API group; empty for the core group.', { pointer: true }),
    kind: s.string('Kind of the object.', mandatory),
    name: s.string('Name of the object.', mandatory),
  },
);
export interface TypedLocalObjectReference extends TypeOf<typeof typedLocalObjectReference> {}

export const typedObjectReference = s.api('core.v1.TypedObjectReference', 'Names an object of some kind.', {
  apiGroup: s.string('API group; empty for the core group.', { pointer: true }),
  kind: s.string('Kind of the object.', mandatory),
  name: s.string('Name of the object.', mandatory),
  namespace: s.string('Namespace; the same one when absent.', { pointer: true }),
});
export interface TypedObjectReference extends TypeOf<typeof typedObjectReference> {}
