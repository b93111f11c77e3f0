// Nobody hands out rights that they do not have: a role's rules, and the rules of a role that is
// bound, must be covered by the writer's own - unless the writer may `escalate` roles or `bind`
// this one.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
import { rbacGroup } from '../../api/rbac/binding.ts';
import { notFoundError } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { PolicyRule } from '../authz/attributes.ts';
import { findUncovered, findUncoveredInSteps, TooManyRightsError } from '../authz/rule-cover.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { inTurns } from '../turns.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, refusal } from './plugin.ts';

const roleKinds = ['Role', 'ClusterRole'];
const grantingFields = ['rules', 'aggregationRule', 'subjects', 'roleRef'];
const bindingKinds = ['RoleBinding', 'ClusterRoleBinding'];

function describeRule(rule: PolicyRule): string {
  const list = (values: readonly string[]) => `[${values.map((v) => JSON.stringify(v)).join(' ')}]`;
  const parts: [string, readonly string[] | null | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['ResourceNames', rule.resourceNames],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['Verbs', rule.verbs],
  ];
  return `{${parts.flatMap(([name, values]) => (values?.length ? [`${name}:${list(values)}`] : [])).join(', ')}}`;
}

// What a role that gathers its rules from others may come to hold.
const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/**
 * The rules that the request would hand out. NotFound for a role that is bound and is not there:
 * nobody knows what it will hold.
 */
async function grantedRules(request: AdmissionRequest, { store, kinds }: AdmissionDeps): Promise<PolicyRule[]> {
  const { kind, object, namespace } = request;
  if (roleKinds.includes(kind.kind)) return object!.rules ?? [];
  const { roleRef } = object!;
  const isCluster = roleRef.kind === 'ClusterRole';
  const role = kinds.kind(rbacGroup, isCluster ? 'ClusterRole' : 'Role');
  const at = isCluster ? '' : namespace;
  const found = await store.find(role, at, roleRef.name);
  if (!found) throw notFoundError(groupResourceOf(role), roleRef.name);
  return found.object.rules ?? [];
}

async function uncovered(request: AdmissionRequest, deps: AdmissionDeps, owned: readonly PolicyRule[]) {
  const granted = await grantedRules(request, deps);
  try {
    return await inTurns(findUncoveredInSteps(granted, owned), deps.clock);
  } catch (err) {
    if (err instanceof TooManyRightsError) throw refusal(request, err.message);
    throw err;
  }
}

/** `escalate` on the role, or `bind` on the role that is referred to. */
async function mayAnyway(request: AdmissionRequest, { authorizer }: AdmissionDeps): Promise<boolean> {
  const { kind, object, namespace, name, user } = request;
  const isRole = roleKinds.includes(kind.kind);
  const target = isRole
    ? { verb: 'escalate', resource: kind.plural, name }
    : {
        verb: 'bind',
        resource: object!.roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles',
        name: object!.roleRef.name,
      };
  const base = { user, isResource: true, group: rbacGroup, version: 'v1', subresource: '', namespace, path: '' };
  return (await authorizer.authorize({ ...base, ...target })).allowed;
}

export const rbacEscalation: AdmissionPlugin = {
  name: 'RBACEscalation',
  handles: ({ operation, kind, subresource }) =>
    (operation === 'CREATE' || operation === 'UPDATE') &&
    kind.group === rbacGroup &&
    subresource === '' &&
    [...roleKinds, ...bindingKinds].includes(kind.kind),
  async validate(request, deps) {
    const { object, oldObject, namespace, user } = request;
    if (oldObject && grantingFields.every((field) => jsonEqual(oldObject[field], object![field]))) return;
    if (await mayAnyway(request, deps)) return;
    const { rules: owned } = deps.authorizer.rulesFor(user, namespace);
    const missing = (await uncovered(request, deps, owned)).map(describeRule).sort();
    if (missing.length > 0) {
      const groups = `[${user.groups.map((g) => JSON.stringify(g)).join(' ')}]`;
      const who = `user ${JSON.stringify(user.username)} (groups=${groups})`;
      const why = `is attempting to grant RBAC permissions not currently held:\n${missing.join('\n')}`;
      throw refusal(request, `${who} ${why}`);
    }
    const gathers = object!.aggregationRule || oldObject?.aggregationRule;
    if (gathers && findUncovered(everything, owned).length > 0) {
      throw refusal(request, 'must have cluster-admin privileges to use the aggregationRule');
    }
  },
};
