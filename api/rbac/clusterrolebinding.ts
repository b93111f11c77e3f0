// ClusterRoleBinding: grants a cluster role everywhere.
// Its role cannot change: subjects must not gain other rights unseen.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { bindingColumns, rbacGroup, setSubjectDefaults } from './binding.ts';
import { roleRef, subject } from './policy-rule.ts';
import { validateBinding, validateBindingUpdate } from './validation.ts';

const schema = s.api('rbac.v1.ClusterRoleBinding', 'Grants a cluster role to subjects everywhere.', {
  ...objectFields,
  roleRef: s.field(roleRef, 'The role; cannot change.', mandatory),
  subjects: s.list(subject, 'Who gets it.', atomic),
});
export interface ClusterRoleBinding extends ObjectOf<typeof schema> {}

export const ClusterRoleBindingKind = defineKind<ClusterRoleBinding>({
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  scope: 'Cluster',
  served: [{ group: rbacGroup, version: 'v1', schema, setDefaults: setSubjectDefaults }],
  nameRule: 'path',
  allowCreateOnUpdate: true,
  columns: bindingColumns,
  validate: (binding) => validateBinding(binding, ['ClusterRole'], false),
  validateUpdate: validateBindingUpdate,
});
