// Binding: binds a pod to a node.
// Written by the scheduler to pods/binding, or, as in the oldest clients, to bindings itself.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
import { type FieldError, notSupported, required } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { objectReference } from './object-reference.ts';

const schema = s.api('core.v1.Binding', 'Binds a pod to a node.', {
  ...objectFields,
  target: s.field(objectReference, 'The node.', mandatory),
});
export interface Binding extends ObjectOf<typeof schema> {}

export const BindingKind = defineKind<Binding>({
  kind: 'Binding',
  plural: 'bindings',
  scope: 'Namespaced',
  verbs: ['create'],
  served: [{ group: '', version: 'v1', schema }],
  stored: false,
  validate,
});

function validate({ target }: Binding): FieldError[] {
  const errors: FieldError[] = [];
  if (target.kind && target.kind !== 'Node') errors.push(notSupported('target.kind', target.kind, ['Node', '<empty>']));
  if (!target.name) errors.push(required('target.name'));
  return errors;
}
