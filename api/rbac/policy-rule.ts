// What role objects share: rules, role references and subjects.
// The authorizer reads them as they stand here.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';

export const policyRule = s.api('rbac.v1.PolicyRule', 'A permission: verbs on resources or URLs.', {
  apiGroups: s.list(s.string(''), 'API groups; * for all.', atomic),
  nonResourceURLs: s.list(s.string(''), 'URL paths that are no resources; only in cluster roles.', atomic),
  resourceNames: s.list(s.string(''), 'Only objects of these names.', atomic),
  resources: s.list(s.string(''), 'Resources, pods/log; * for all.', atomic),
  verbs: s.list(s.string(''), 'Verbs; * for all.', { ...mandatory, ...atomic }),
});
export interface PolicyRule extends TypeOf<typeof policyRule> {}

export const roleRef = s.atomic('rbac.v1.RoleRef', 'Names a role.', {
  apiGroup: s.string('API group of the role.', { always: true, default: 'rbac.authorization.k8s.io' }),
  kind: s.string('Role or ClusterRole.', mandatory),
  name: s.string('Name of the role.', mandatory),
});
export interface RoleRef extends TypeOf<typeof roleRef> {}

export const subject = s.atomic('rbac.v1.Subject', 'A user, group or service account.', {
  apiGroup: s.string('API group of the subject; empty for service accounts.'),
  kind: s.string('User, Group or ServiceAccount.', mandatory),
  name: s.string('Name of the subject.', mandatory),
  namespace: s.string('Namespace of a service account.'),
});
export interface Subject extends TypeOf<typeof subject> {}
