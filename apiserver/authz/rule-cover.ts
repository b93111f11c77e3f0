// Whether rules allow all that other rules allow. Upstream: Covers in pkg/registry/rbac/validation.
import type { PolicyRule } from './attributes.ts';

/** Of a role that wants very much more, some is enough to refuse it. */
const maxUncovered = 10_000;

/** What `owned` does not allow: a rule for each resource and name with all verbs, and for each verb on a path. */
export function findUncovered(wanted: readonly PolicyRule[], owned: readonly PolicyRule[]): PolicyRule[] {
  const found = new Map<string, { what: PolicyRule; verbs: Set<string> }>();
  let count = 0;
  for (const rule of wanted) {
    for (const what of singleRules(rule)) {
      if (owned.some((o) => covers(o, what))) continue;
      const key = JSON.stringify(what.nonResourceURLs ? what : { ...what, verbs: [] });
      if (!found.has(key)) found.set(key, { what, verbs: new Set() });
      found.get(key)!.verbs.add(what.verbs![0]!);
      if (++count >= maxUncovered) break;
    }
    if (count >= maxUncovered) break;
  }
  return [...found.values()].map(({ what, verbs }) => ({ ...what, verbs: [...verbs] }));
}

/** A rule with one verb, one group and one resource (and name) or one path. */
function* singleRules(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs ?? []) {
    for (const path of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [path] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const one = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (!rule.resourceNames?.length) yield one;
        for (const name of rule.resourceNames ?? []) yield { ...one, resourceNames: [name] };
      }
    }
  }
}

const holds = (list: readonly string[] | null | undefined, value: string) =>
  list?.includes('*') || list?.includes(value);

function covers(owned: PolicyRule, wanted: PolicyRule): boolean {
  const [verb, group, resource, path] = [
    wanted.verbs?.[0],
    wanted.apiGroups?.[0],
    wanted.resources?.[0],
    wanted.nonResourceURLs?.[0],
  ];
  if (!holds(owned.verbs, verb!)) return false;
  if (path !== undefined) {
    return (owned.nonResourceURLs ?? []).some(
      (p) => p === path || p === '*' || (p.endsWith('*') && path.startsWith(p.slice(0, -1))),
    );
  }
  const [, subresource] = resource!.split('/');
  const hasResource =
    holds(owned.resources, resource!) || (subresource && owned.resources?.includes(`*/${subresource}`));
  if (!holds(owned.apiGroups, group!) || !hasResource) return false;
  if (!owned.resourceNames?.length) return true;
  return (
    (wanted.resourceNames?.length ?? 0) > 0 && wanted.resourceNames!.every((n) => owned.resourceNames!.includes(n))
  );
}
