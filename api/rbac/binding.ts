// What role bindings and cluster role bindings share. Upstream: pkg/apis/rbac.
import { type Column, column, wideColumn } from '../../machinery/kind.ts';
import { ageColumn } from '../meta/columns.ts';
import type { RoleRef, Subject } from './policy-rule.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

interface Binding {
  roleRef?: RoleRef;
  subjects?: Subject[];
}

/** Users and groups belong to this API group. Changes the binding. */
export function setSubjectDefaults(binding: Binding): void {
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= rbacGroup;
  }
}

function namesOf(binding: Binding, kind: string): string {
  const subjects = (binding.subjects ?? []).filter((subject) => subject.kind === kind);
  return subjects.map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name)).join(', ');
}

export const bindingColumns: readonly Column<any>[] = [
  column(
    'Role',
    'string',
    'The role it grants.',
    (binding: Binding) => `${binding.roleRef?.kind}/${binding.roleRef?.name}`,
  ),
  ageColumn,
  wideColumn('Users', 'string', 'Users that get it.', (b: Binding) => namesOf(b, 'User')),
  wideColumn('Groups', 'string', 'Groups that get it.', (b: Binding) => namesOf(b, 'Group')),
  wideColumn('ServiceAccounts', 'string', 'Service accounts that get it.', (b: Binding) =>
    namesOf(b, 'ServiceAccount'),
  ),
];
