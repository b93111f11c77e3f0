// Whether rules allow all that other rules allow. Upstream: Covers in pkg/registry/rbac/validation.
import type { PolicyRule } from './attributes.ts';
import { allows } from './rbac.ts';

/** The rules of `wanted` that `owned` does not allow in every part. */
export function findUncovered(wanted: readonly PolicyRule[], owned: readonly PolicyRule[]): PolicyRule[] {
  return wanted.filter((rule) => [...partsOf(rule)].some((part) => !owned.some((one) => allows(one, part))));
}

/** What a rule allows as requests, a star standing for itself: each of one verb, and one path or one resource and name. */
function* partsOf(rule: PolicyRule): Generator<Parameters<typeof allows>[1]> {
  const none = { group: '', resource: '', subresource: '', name: '', path: '' };
  for (const verb of rule.verbs ?? []) {
    for (const path of rule.nonResourceURLs ?? []) yield { ...none, verb, isResource: false, path };
    for (const group of rule.apiGroups ?? []) {
      for (const all of rule.resources ?? []) {
        const [resource = '', ...rest] = all.split('/');
        for (const name of rule.resourceNames?.length ? rule.resourceNames : [''])
          yield { ...none, verb, isResource: true, group, resource, subresource: rest.join('/'), name };
      }
    }
  }
}
