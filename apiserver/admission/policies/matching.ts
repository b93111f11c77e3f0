// Which requests a policy or a binding is for. Upstream: apiserver's admission/plugin/policy/matching.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { NamedRuleWithOperations } from '../../../api/admissionregistration/match.ts';
import type { MatchResources } from '../../../api/admissionregistration/policy/schema.ts';
import { StatusError } from '../../../machinery/errors.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';
import { isUntold, matchesNamespace, matchesObject, ruleMatches } from '../webhooks/matching.ts';
import { policyGroup } from './configured.ts';

const ownKinds = new Set(
  ['Validating', 'Mutating'].flatMap((sort) => [`${sort}AdmissionPolicy`, `${sort}AdmissionPolicyBinding`]),
);

/** Policies never stand in the way of policies: nobody could repair them. */
export const isBeyondPolicies = (request: AdmissionRequest): boolean =>
  isUntold(request) || (request.kind.group === policyGroup && ownKinds.has(request.kind.kind));

function findVersion(
  rules: readonly NamedRuleWithOperations[] | undefined,
  { matchPolicy }: MatchResources,
  request: AdmissionRequest,
  versions: readonly ServedResource[],
): ServedResource | undefined {
  if (!rules?.length) return undefined;
  const asked = matchPolicy === 'Equivalent' ? versions : versions.slice(0, 1);
  const names = (rule: NamedRuleWithOperations) =>
    !rule.resourceNames?.length || rule.resourceNames.includes(request.name);
  return asked.find((version) => rules.some((rule) => names(rule) && ruleMatches(rule, request, version)));
}

/**
 * The version in which the request is to be shown; undefined where it does not match. Throws a StatusError where
 * the namespace that its selector asks for is not there.
 */
export async function matchResources(
  match: MatchResources | undefined,
  request: AdmissionRequest,
  versions: readonly ServedResource[],
  deps: AdmissionDeps,
): Promise<ServedResource | undefined> {
  if (!match) return versions[0];
  if (findVersion(match.excludeResourceRules, match, request, versions)) return undefined;
  const found = match.resourceRules?.length ? findVersion(match.resourceRules, match, request, versions) : versions[0];
  if (!found || !matchesObject(match, request)) return undefined;
  return (await matchesNamespace(match, request, deps)) ? found : undefined;
}

/** The same, with the reason where that cannot be told. */
export async function tryMatch(
  ...question: Parameters<typeof matchResources>
): Promise<ServedResource | string | undefined> {
  try {
    return await matchResources(...question);
  } catch (err) {
    if (err instanceof StatusError) return err.message;
    throw err;
  }
}
