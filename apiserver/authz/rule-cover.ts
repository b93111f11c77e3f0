// Whether rules allow all that other rules allow. Upstream: Covers in pkg/registry/rbac/validation.
import { finish, type Steps } from '../../machinery/steps.ts';
import type { PolicyRule } from './attributes.ts';
import { allows } from './rbac.ts';

/** Of a role that wants very much more, some is enough to refuse it. */
const maxUncovered = 10_000;
/** A few long lists in one rule are billions of these. */
const maxSingleRules = 1_000_000;

/** Nobody can say of so many single rights whether others cover them. */
export class TooManyRightsError extends Error {
  constructor() {
    super(`the rules are more than ${maxSingleRules} single rights, which are not held against others`);
  }
}

/** What `owned` does not allow: a rule for each resource and name with all verbs, and for each verb on a path. */
export const findUncovered = (wanted: readonly PolicyRule[], owned: readonly PolicyRule[]): PolicyRule[] =>
  finish(findUncoveredInSteps(wanted, owned));

/** The same of rules that may be any number. Throws TooManyRightsError. */
export function* findUncoveredInSteps(
  wanted: readonly PolicyRule[],
  owned: readonly PolicyRule[],
): Steps<PolicyRule[]> {
  const found = new Map<string, { what: PolicyRule; verbs: Set<string> }>();
  const index = indexOf(owned);
  let [looked, count] = [0, 0];
  for (const rule of wanted) {
    for (const what of singleRules(rule)) {
      yield;
      if (++looked > maxSingleRules) throw new TooManyRightsError();
      const request = requestOf(what);
      if (isCovered(request, index)) continue;
      const key = JSON.stringify(what.nonResourceURLs ? what : { ...what, verbs: [] });
      found.getOrInsertComputed(key, () => ({ what, verbs: new Set() })).verbs.add(request.verb);
      if (++count >= maxUncovered) break;
    }
    if (count >= maxUncovered) break;
  }
  return [...found.values()].map(({ what, verbs }) => ({ ...what, verbs: [...verbs] }));
}

/** A rule about resources as it is asked very often. */
interface AskedRule {
  verbs: ReadonlySet<string>;
  groups: ReadonlySet<string>;
  /** Undefined: all. */
  names: ReadonlySet<string> | undefined;
}

interface RuleIndex {
  byResource: Map<string, AskedRule[]>;
  ofPaths: PolicyRule[];
}

function indexOf(rules: readonly PolicyRule[]): RuleIndex {
  const byResource = new Map<string, AskedRule[]>();
  for (const { verbs, apiGroups, resources, resourceNames } of rules) {
    const names = resourceNames?.length ? new Set(resourceNames) : undefined;
    const asked = { verbs: new Set(verbs), groups: new Set(apiGroups), names };
    for (const resource of new Set(resources)) byResource.getOrInsertComputed(resource, () => []).push(asked);
  }
  return { byResource, ofPaths: rules.filter(({ nonResourceURLs }) => nonResourceURLs?.length) };
}

/** Whether one of the rules allows it: `allows`, by the resource. */
function isCovered(request: ReturnType<typeof requestOf>, { byResource, ofPaths }: RuleIndex): boolean {
  if (!request.isResource) return ofPaths.some((rule) => allows(rule, request));
  const { verb, group, resource, subresource, name } = request;
  const has = (set: ReadonlySet<string>, value: string) => set.has('*') || set.has(value);
  const keys = subresource ? [`${resource}/${subresource}`, `*/${subresource}`, '*'] : [resource, '*'];
  return keys.some((key) =>
    byResource
      .get(key)
      ?.some(({ verbs, groups, names }) => has(verbs, verb) && has(groups, group) && (!names || names.has(name))),
  );
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
