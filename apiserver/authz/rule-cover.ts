// Whether rules allow all that other rules allow. Upstream: Covers in pkg/registry/rbac/validation.
import type { PolicyRule } from './attributes.ts';

/** The rules of `wanted` that `owned` does not allow in every part. */
export function findUncovered(wanted: readonly PolicyRule[], owned: readonly PolicyRule[]): PolicyRule[] {
  return wanted.filter((rule) => [...singleRules(rule)].some((one) => !owned.some((o) => covers(o, one))));
}

/** A rule with one verb, one group and one resource (and name) or one path. */
function* singleRules(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs ?? []) {
    for (const path of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [path] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const names = rule.resourceNames?.length ? rule.resourceNames.map((n) => [n]) : [[]];
        for (const resourceNames of names)
          yield { verbs: [verb], apiGroups: [group], resources: [resource], resourceNames };
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
