// Role: permissions within a namespace.
// Only resources can be granted; URLs belong to cluster roles.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { rbacGroup } from './binding.ts';
import { policyRule } from './policy-rule.ts';
import { validateRules } from './validation.ts';

const schema = s.api('rbac.v1.Role', 'Permissions within a namespace.', {
  ...objectFields,
  rules: s.list(policyRule, 'What is permitted.', { always: true, listType: 'atomic' }),
});
export interface Role extends ObjectOf<typeof schema> {}

export const RoleKind = defineKind<Role>({
  kind: 'Role',
  plural: 'roles',
  scope: 'Namespaced',
  served: [{ group: rbacGroup, version: 'v1', schema }],
  nameRule: 'path',
  allowCreateOnUpdate: true,
  validate: (role) => validateRules(role.rules, true),
});
