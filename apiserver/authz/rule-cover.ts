// Whether rules allow all that other rules allow. Upstream: Covers in pkg/registry/rbac/validation.
import type { PolicyRule } from './attributes.ts';
import { allows } from './rbac.ts';

/** Of a role that wants very much more, some is enough to refuse it. */
const maxUncovered = 10_000;

/** What `owned` does not allow: a rule for each resource and name with all verbs, and for each verb on a path. */
export function findUncovered(wanted: readonly PolicyRule[], owned: readonly PolicyRule[]): PolicyRule[] {
  const found = new Map<string, { what: PolicyRule; verbs: Set<string> }>();
  let count = 0;
  for (const rule of wanted) {
    for (const what of singleRules(rule)) {
      const request = requestOf(what);
      if (owned.some((one) => allows(one, request))) continue;
      const key = JSON.stringify(what.nonResourceURLs ? what : { ...what, verbs: [] });
      found.getOrInsertComputed(key, () => ({ what, verbs: new Set() })).verbs.add(request.verb);
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

/** What a single rule allows as a request, a star standing for itself. */
function requestOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule) {
  const [resource = '', ...rest] = resources?.[0]?.split('/') ?? [];
  return {
    verb: verbs![0]!,
    isResource: !nonResourceURLs,
    group: apiGroups?.[0] ?? '',
    resource,
    subresource: rest.join('/'),
    name: resourceNames?.[0] ?? '',
    path: nonResourceURLs?.[0] ?? '',
  };
}
