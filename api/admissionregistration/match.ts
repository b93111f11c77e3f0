// What requests a webhook or policy is for: rules, selectors, conditions in CEL. Webhooks and policies share it.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules

import type { PolicyEnvOptions } from '../../machinery/cel/kubernetes-env.ts';
import { append, duplicate, type FieldError, invalid, required, tooMany } from '../../machinery/field-error.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { repeatsIn, validateOptionalWord, validateQualifiedName, validateWords } from '../meta/checks.ts';
import { validatePathSegment } from '../meta/validation.ts';
import { checkExpression } from './expressions.ts';

export const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'] as const;
export const scopes = ['*', 'Cluster', 'Namespaced'] as const;
export const failurePolicies = ['Fail', 'Ignore'] as const;
export const matchPolicies = ['Equivalent', 'Exact'] as const;
export const reinvocationPolicies = ['IfNeeded', 'Never'] as const;

const ruleFields = {
  apiGroups: s.list(s.string(''), 'API groups; * is all.', atomic),
  apiVersions: s.list(s.string(''), 'API versions; * is all.', atomic),
  operations: s.list(s.string('', { enum: operations }), 'Operations; * is all.', atomic),
  resources: s.list(s.string(''), 'Resources, as pods, pods/status, pods/*, */scale, * or */*.', atomic),
  scope: s.string('Cluster, Namespaced, or * for both.', { pointer: true, default: '*', enum: scopes }),
} as const;

export const ruleWithOperations = s.api(
  'admissionregistration.v1.RuleWithOperations',
  'Requests that a webhook is for.',
  ruleFields,
);
export interface RuleWithOperations extends TypeOf<typeof ruleWithOperations> {}

export const namedRuleWithOperations = s.atomic(
  'admissionregistration.v1.NamedRuleWithOperations',
  'Requests that a policy is for.',
  { ...ruleFields, resourceNames: s.list(s.string(''), 'Names of objects; empty is all.', atomic) },
);
export interface NamedRuleWithOperations extends TypeOf<typeof namedRuleWithOperations> {}

const matchCondition = s.api('admissionregistration.v1.MatchCondition', 'A condition on requests, in CEL.', {
  expression: s.string('CEL expression that must be true.', mandatory),
  name: s.string('Name of the condition.', mandatory),
});
export interface MatchCondition extends TypeOf<typeof matchCondition> {}

export const matchConditionsField = s.list(matchCondition, 'All must be true for the request.', mergedBy('name'));

const hasAll = (words: readonly string[]) => words.includes('*');
const onlyAll = (what: string) => `if '*' is present, must not specify other ${what}`;

export function validateRule(rule: RuleWithOperations, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const list = (key: 'operations' | 'apiGroups' | 'apiVersions', what: string) => {
    const words = rule[key] ?? [];
    if (words.length === 0) errors.push(required(`${path}.${key}`));
    if (words.length > 1 && hasAll(words)) errors.push(invalid(`${path}.${key}`, words, onlyAll(what)));
    return words;
  };
  append(errors, validateWords(list('operations', 'operations'), operations, `${path}.operations`));
  list('apiGroups', 'API groups');
  for (const [i, version] of list('apiVersions', 'API versions').entries()) {
    if (version === '') errors.push(required(`${path}.apiVersions[${i}]`));
  }
  append(errors, validateResources(rule.resources ?? [], `${path}.resources`));
  append(errors, validateOptionalWord(rule.scope, scopes, `${path}.scope`));
  return errors;
}

function validateResources(resources: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (resources.length === 0) errors.push(required(path));
  const allSubresourcesOf = new Set<string>();
  const everywhere = new Set<string>();
  let hasPlain = false;
  for (const [i, text] of resources.entries()) {
    if (text === '') errors.push(required(`${path}[${i}]`));
    const slash = text.indexOf('/');
    if (slash < 0) {
      hasPlain = text !== '*';
      continue;
    }
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    const covered = [`${resource}/*`, allSubresourcesOf.has(resource), `*/${subresource}`, everywhere.has(subresource)];
    for (const at of [0, 2]) {
      if (!covered[at + 1]) continue;
      errors.push(invalid(`${path}[${i}]`, text, `if '${covered[at]}' is present, must not specify ${text}`));
    }
    if (subresource === '*') allSubresourcesOf.add(resource);
    if (resource === '*') everywhere.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes('*') && hasPlain) {
    errors.push(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"));
  }
  return errors;
}

export function validateNamedRule(rule: NamedRuleWithOperations, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = rule.resourceNames ?? [];
  const repeats = repeatsIn(names);
  for (const [i, name] of names.entries()) {
    const at = `${path}.resourceNames[${i}]`;
    append(errors, validatePathSegment(name, at));
    if (repeats.has(i)) errors.push(duplicate(at, name));
  }
  return [...errors, ...validateRule(rule, path)];
}

const maxMatchConditions = 64;

/** `env` is what the expressions may speak of. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  env: PolicyEnvOptions,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (conditions.length > maxMatchConditions) errors.push(tooMany(path, conditions.length, maxMatchConditions));
  const seen = new Set<string>();
  for (const [i, { name, expression }] of conditions.entries()) {
    const text = expression.trim();
    if (text === '') errors.push(required(`${path}[${i}].expression`));
    else append(errors, checkExpression(text, env, ['bool'], `${path}[${i}].expression`));
    if (name === '') {
      errors.push(required(`${path}[${i}].name`));
      continue;
    }
    append(errors, validateQualifiedName(name, `${path}[${i}].name`));
    if (seen.has(name)) errors.push(duplicate(`${path}[${i}].name`, name));
    seen.add(name);
  }
  return errors;
}

/** What match conditions of webhooks may speak of. */
export const webhookEnv: PolicyEnvOptions = { hasAuthorizer: true, hasNamespace: false };
