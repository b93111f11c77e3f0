// RoleBinding: grants a role within a namespace.
// It may refer to a Role beside it or to a ClusterRole, whose rules then hold in this namespace alone.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { bindingColumns, rbacGroup, setSubjectDefaults } from './binding.ts';
import { roleRef, subject } from './policy-rule.ts';
import { validateBinding, validateBindingUpdate } from './validation.ts';

const schema = s.api('rbac.v1.RoleBinding', 'Grants a role to subjects within a namespace.', {
  ...objectFields,
  roleRef: s.field(roleRef, 'The role; cannot change.', mandatory),
  subjects: s.list(subject, 'Who gets it.', atomic),
});
export interface RoleBinding extends ObjectOf<typeof schema> {}

export const RoleBindingKind = defineKind<RoleBinding>({
  kind: 'RoleBinding',
  plural: 'rolebindings',
  scope: 'Namespaced',
  served: [{ group: rbacGroup, version: 'v1', schema, setDefaults: setSubjectDefaults }],
  nameRule: 'path',
  allowCreateOnUpdate: true,
  columns: bindingColumns,
  validate: (binding) => validateBinding(binding, ['Role', 'ClusterRole'], true),
  validateUpdate: validateBindingUpdate,
});
