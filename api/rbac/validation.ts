// Validation of roles and their bindings. Whether somebody may grant what they write is the matter of the API server.
// Upstream: pkg/apis/rbac/validation.
import { append, type FieldError, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { validateDNSSubdomain, validateLabelSelector } from '../meta/checks.ts';
import { checkName } from '../meta/validation.ts';
import { rbacGroup } from './binding.ts';
import type { ClusterRole } from './clusterrole.ts';
import type { PolicyRule, RoleRef, Subject } from './policy-rule.ts';

export function validateRules(rules: readonly PolicyRule[] | null | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, i) => validateRule(rule, namespaced, `rules[${i}]`));
}

function validateRule(rule: PolicyRule, namespaced: boolean, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (!rule.verbs?.length) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const at = `${path}.nonResourceURLs`;
    if (namespaced) errors.push(invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalid(at, nonResourceURLs, detail));
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (resources.length === 0) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

export function validateClusterRole(role: ClusterRole): FieldError[] {
  const errors = validateRules(role.rules, false);
  if (!role.aggregationRule) return errors;
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) {
    errors.push(required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  }
  for (const [i, selector] of selectors.entries()) append(errors, validateLabelSelector(selector, `${path}[${i}]`));
  return errors;
}

interface Binding {
  roleRef: RoleRef;
  subjects?: Subject[];
}

/** `kinds` are the kinds of role it may refer to. */
export function validateBinding(binding: Binding, kinds: readonly string[], namespaced: boolean): FieldError[] {
  const { apiGroup, kind, name } = binding.roleRef;
  const errors: FieldError[] = [];
  if (apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]));
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (!name) errors.push(required('roleRef.name'));
  else for (const complaint of checkName(name, 'path')) errors.push(invalid('roleRef.name', name, complaint));
  for (const [i, subject] of (binding.subjects ?? []).entries()) {
    append(errors, validateSubject(subject, namespaced, `subjects[${i}]`));
  }
  return errors;
}

function validateSubject(subject: Subject, namespaced: boolean, path: string): FieldError[] {
  const errors: FieldError[] = subject.name ? [] : [required(`${path}.name`)];
  const apiGroup = subject.apiGroup ?? '';
  switch (subject.kind) {
    case 'ServiceAccount':
      if (subject.name) append(errors, validateDNSSubdomain(subject.name, `${path}.name`));
      if (apiGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespaced && !subject.namespace) errors.push(required(`${path}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [rbacGroup]));
      break;
    default:
      errors.push(notSupported(`${path}.kind`, subject.kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}

/** A binding to another role would grant something else to the same subjects unseen. */
export function validateBindingUpdate(next: Binding, old: Binding): FieldError[] {
  if (jsonEqual(next.roleRef, old.roleRef)) return [];
  const { apiGroup, kind, name } = next.roleRef;
  // Shown with the names of upstream's fields, as clients know the message.
  return [invalid('roleRef', { APIGroup: apiGroup, Kind: kind, Name: name }, 'cannot change roleRef')];
}
