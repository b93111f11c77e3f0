// Role-based access control over the cached roles and bindings. What a user may do in a namespace
// is worked out once and kept until any role or binding changes.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { LRUCache } from 'lru-cache';
import { rbacGroup } from '../../api/rbac/binding.ts';
import { joinErrors } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { UserInfo } from '../authn/user.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import type { Attributes, AuthorizationMode, Decision, PolicyRule } from './attributes.ts';

interface Grant {
  rules: PolicyRule[];
  reason: string;
  /** The role is not there. */
  error?: string;
}

export function createRbacAuthorizer(store: ObjectStore, kinds: KindTable): AuthorizationMode {
  const kindOf = (name: string) => kinds.kind(rbacGroup, name);
  const cacheOf = (name: string) => store.resource(kindOf(name));
  const watched = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];
  const grants = new LRUCache<string, Grant[]>({ max: 2000 });
  let generation = '';

  const rulesOfRole = ({ kind, name }: { kind: string; name: string }, namespace: string): Omit<Grant, 'reason'> => {
    const role = store.peek(kindOf(kind), kind === 'ClusterRole' ? '' : namespace, name);
    if (role) return { rules: role.object.rules ?? [] };
    return { rules: [], error: `${kind.toLowerCase()}.${rbacGroup} ${JSON.stringify(name)} not found` };
  };

  const resolve = (user: UserInfo, namespace: string): Grant[] => {
    const out: Grant[] = [];
    const add = (binding: KubeObject, kind: string, at: string) => {
      const subject: Subject | undefined = binding.subjects?.find((s: Subject) => matchesSubject(s, user, at));
      if (!subject) return;
      const name = binding.metadata.namespace ? `${binding.metadata.name}/${at}` : binding.metadata.name;
      const reason = `RBAC: allowed by ${kind} "${name}" of ${binding.roleRef.kind} "${binding.roleRef.name}" to ${describeSubject(subject, at)}`;
      out.push({ ...rulesOfRole(binding.roleRef, at), reason });
    };
    for (const b of cacheOf('ClusterRoleBinding').list(keyPrefixOf(kindOf('ClusterRoleBinding')))) {
      add(b.object, 'ClusterRoleBinding', '');
    }
    if (namespace === '') return out;
    for (const b of cacheOf('RoleBinding').list(`${keyPrefixOf(kindOf('RoleBinding'))}${namespace}/`)) {
      add(b.object, 'RoleBinding', namespace);
    }
    return out;
  };

  const grantsOf = (user: UserInfo, namespace: string): Grant[] => {
    const now = watched.map((k) => cacheOf(k).changedAt).join(',');
    if (now !== generation) {
      grants.clear();
      generation = now;
    }
    const key = JSON.stringify([user.username, user.groups, namespace]);
    let found = grants.get(key);
    if (!found) {
      found = resolve(user, namespace);
      grants.set(key, found);
    }
    return found;
  };

  return {
    authorize(attributes): Decision {
      const found = grantsOf(attributes.user, attributes.namespace);
      for (const { rules, reason } of found) {
        if (rules.some((rule) => allows(rule, attributes))) return { allowed: true, reason };
      }
      const errors = [...new Set(found.flatMap(({ error }) => error ?? []))];
      return { allowed: false, reason: errors.length > 0 ? `RBAC: ${joinErrors(errors)}` : '' };
    },
    rulesFor(user, namespace) {
      return { rules: grantsOf(user, namespace).flatMap((g) => g.rules) };
    },
  };
}

interface Subject {
  kind: string;
  name: string;
  namespace?: string;
}

function matchesSubject(subject: Subject, user: UserInfo, bindingNamespace: string): boolean {
  if (subject.kind === 'User') return subject.name === user.username;
  if (subject.kind === 'Group') return user.groups.includes(subject.name);
  const namespace = subject.namespace || bindingNamespace;
  return subject.kind === 'ServiceAccount' && user.username === `system:serviceaccount:${namespace}:${subject.name}`;
}

function describeSubject({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return `${kind} "${kind === 'ServiceAccount' ? `${name}/${namespace || bindingNamespace}` : name}"`;
}

/** Whether one rule allows a request. */
export function allows(rule: PolicyRule, a: Omit<Attributes, 'user' | 'version' | 'namespace'>): boolean {
  if (!has(rule.verbs, a.verb)) return false;
  if (!a.isResource) return (rule.nonResourceURLs ?? []).some((p) => matchesPath(p, a.path));
  const resource = a.subresource ? `${a.resource}/${a.subresource}` : a.resource;
  return (
    has(rule.apiGroups, a.group) &&
    (has(rule.resources, resource) ||
      (a.subresource !== '' && (rule.resources ?? []).includes(`*/${a.subresource}`))) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(a.name))
  );
}

function has(list: readonly string[] | null | undefined, value: string): boolean {
  return list?.includes('*') || list?.includes(value) || false;
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern === path || pattern === '*' || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}
