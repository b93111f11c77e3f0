// Which requests are written down, and how much of them: an audit policy (audit.k8s.io/v1). The first rule that fits
// a request decides. https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/

import { validateWord, validateWords } from '../../api/meta/checks.ts';
import type { ConfigFileForm } from '../../machinery/config-file.ts';
import { type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import type { UserInfo } from '../authn/user.ts';
import type { RequestInfo } from '../request-info.ts';

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

const name = 'io.k8s.audit.v1';
const words = (doc: string) => s.list(s.string(''), doc);

const groupResources = s.object(`${name}.GroupResources`, 'Resources of a group.', {
  group: s.string('The API group.'),
  resources: words('`pods`, `pods/log`, `pods/*`, `*/scale`, `*`; none is all.'),
  resourceNames: words('Names of objects; none is all.'),
});

const policyRule = s.object(`${name}.PolicyRule`, 'What is written down of some requests.', {
  level: s.string('How much.'),
  users: words('By whom; none is all.'),
  userGroups: words('By members of which groups; none is all.'),
  verbs: words('Verbs; none is all.'),
  resources: s.list(groupResources, 'Resources; none is all.'),
  namespaces: words('Namespaces, "" being none; none is all.'),
  nonResourceURLs: words('Other paths; a * at the end is anything.'),
  omitStages: words('Stages that are not written down.'),
  omitManagedFields: s.boolean('Leaves managedFields out of bodies.', { pointer: true }),
});
type PolicyRule = TypeOf<typeof policyRule>;

const policy = s.object(`${name}.Policy`, 'What is written down.', {
  apiVersion: s.string('audit.k8s.io/v1'),
  kind: s.string('Policy'),
  metadata: s.any('', 'Not looked at.'),
  rules: s.list(policyRule, 'The first that fits decides.'),
  omitStages: words('Stages that are never written down.'),
  omitManagedFields: s.boolean('Leaves managedFields out of bodies.'),
});
export interface AuditPolicy extends TypeOf<typeof policy> {}

export const auditPolicyForm: ConfigFileForm<AuditPolicy> = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  schema: policy,
  validate: ({ rules = [], omitStages = [] }) => [
    ...(rules.length === 0 ? [required('rules', 'a policy with no rules is not allowed')] : []),
    ...validateWords(omitStages, stages, 'omitStages'),
    ...rules.flatMap((rule, i) => validateRule(rule, `rules[${i}]`)),
  ],
};

function validateRule(rule: PolicyRule, path: string): FieldError[] {
  const { level = '', nonResourceURLs = [], resources = [], namespaces = [], omitStages = [] } = rule;
  const errors = validateWord(level, levels, `${path}.level`);
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    const why = 'rules cannot apply to both regular resources and non-resource URLs';
    errors.push(invalid(`${path}.nonResourceURLs`, nonResourceURLs, why));
  }
  for (const [i, url] of nonResourceURLs.entries()) {
    const at = `${path}.nonResourceURLs[${i}]`;
    if (url === '*') continue;
    if (!url.startsWith('/')) errors.push(invalid(at, url, "non-resource URL rules must begin with a '/' character"));
    if (url.slice(0, -1).includes('*')) {
      errors.push(invalid(at, url, "non-resource URL wildcards '*' must be the final character of the rule"));
    }
  }
  for (const [i, { group = '', resources: of = [], resourceNames = [] }] of resources.entries()) {
    const at = `${path}.resources[${i}]`;
    if (group.includes('/')) errors.push(invalid(`${at}.group`, group, 'must be a group without a version'));
    if (resourceNames.length > 0 && of.length === 0) {
      errors.push(invalid(`${at}.resourceNames`, resourceNames, 'using resourceNames requires at least one resource'));
    }
  }
  return [...errors, ...validateWords(omitStages, stages, `${path}.omitStages`)];
}

export interface AuditDecision {
  level: Level;
  omitStages: ReadonlySet<string>;
  omitManagedFields: boolean;
}

/** What the policy says of a request; `user` is who sent it, not whom they act as. */
export function decide(policy: AuditPolicy, info: RequestInfo, user: UserInfo): AuditDecision {
  const rule = (policy.rules ?? []).find((one) => fits(one, info, user));
  return {
    level: (rule?.level ?? 'None') as Level,
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

const admits = (list: readonly string[] | undefined, value: string) => !list?.length || list.includes(value);

function fits(rule: PolicyRule, info: RequestInfo, user: UserInfo): boolean {
  if (!admits(rule.users, user.username)) return false;
  if (rule.userGroups?.length && !rule.userGroups.some((group) => user.groups.includes(group))) return false;
  if (!admits(rule.verbs, info.verb)) return false;
  if (rule.namespaces?.length || rule.resources?.length) return info.isResource && fitsResource(rule, info);
  if (rule.nonResourceURLs?.length) {
    return !info.isResource && rule.nonResourceURLs.some((url) => fitsPath(url, info.path));
  }
  return true;
}

function fitsPath(url: string, path: string): boolean {
  return url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : url === path;
}

function fitsResource(rule: PolicyRule, info: RequestInfo): boolean {
  if (!admits(rule.namespaces, info.namespace)) return false;
  if (!rule.resources?.length) return true;
  const whole = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return rule.resources.some(({ group = '', resources = [], resourceNames }) => {
    if (group !== info.group) return false;
    if (resources.length === 0) return true;
    if (!admits(resourceNames, info.name)) return false;
    return resources.some(
      (one) =>
        one === '*' ||
        one === whole ||
        one === `${info.resource}/*` ||
        (info.subresource !== '' && one === `*/${info.subresource}`),
    );
  });
}
