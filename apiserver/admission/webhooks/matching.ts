// Which requests a webhook is asked about. Upstream: apiserver's admission/plugin/webhook/{rules,predicates} and
// generic/webhook.go. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules
import type { RuleWithOperations } from '../../../api/admissionregistration/match.ts';
import type { Webhook } from '../../../api/admissionregistration/webhook/schema.ts';
import { isEmptySelector } from '../../../api/meta/checks.ts';
import { notFoundError } from '../../../machinery/errors.ts';
import { apiVersionOf, type ServedVersion } from '../../../machinery/kind.ts';
import { matchesLabelSelector } from '../../../machinery/labels.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';

const configurationGroup = 'admissionregistration.k8s.io';

/** What neither webhooks nor policies are shown: a question, or how something is done that they have been shown. */
export const isUntold = ({ kind, speaks, untold }: AdmissionRequest): boolean =>
  untold === true || (!kind.stored && !speaks);

/** What webhooks and policies say of themselves is never shown to webhooks: nobody could repair it. */
export const isExempt = (request: AdmissionRequest): boolean =>
  request.kind.group === configurationGroup || isUntold(request);

/** The version that a request was sent in. */
function requestedVersion({ kind, apiVersion }: AdmissionRequest): ServedVersion {
  return kind.served.find((version) => apiVersionOf(version) === apiVersion) ?? kind.storage;
}

/** The versions of the resource, that of the request first. */
export function versionsOfRequest(request: AdmissionRequest, { kinds }: AdmissionDeps): ServedResource[] {
  const { kind } = request;
  const own = requestedVersion(request);
  const others = kind.served.filter((version) => version !== own).map((version) => ({ kind, version }));
  // The versions of a custom resource are kinds of their own.
  const siblings = kind.storedForm ? kinds.ofResource(kind.group, kind.plural).filter((other) => other !== kind) : [];
  return [{ kind, version: own }, ...others, ...siblings.map((k) => ({ kind: k, version: k.storage }))];
}

const covers = (list: readonly string[] | undefined, value: string) =>
  list !== undefined && (list.includes('*') || list.includes(value));

export function ruleMatches(
  rule: RuleWithOperations,
  request: AdmissionRequest,
  { kind, version }: ServedResource,
): boolean {
  const scope = kind.namespaced ? 'Namespaced' : 'Cluster';
  return (
    (!rule.scope || rule.scope === '*' || rule.scope === scope) &&
    covers(rule.operations, request.operation) &&
    covers(rule.apiGroups, version.group) &&
    covers(rule.apiVersions, version.version) &&
    (rule.resources ?? []).some((text) => resourceMatches(text, kind.plural, request.subresource))
  );
}

/** `pods`, `pods/status`, `pods/*`, `*`, `*\/scale`, `*\/*` */
function resourceMatches(text: string, plural: string, subresource: string): boolean {
  const [resource = '', below = ''] = text.split('/', 2);
  return (resource === '*' || resource === plural) && (below === '*' || below === subresource);
}

/** The version in which a webhook wants to see the request; undefined when it does not. */
export function matchRules(
  webhook: Webhook,
  request: AdmissionRequest,
  versions: readonly ServedResource[],
): ServedResource | undefined {
  const asked = webhook.matchPolicy === 'Exact' ? versions.slice(0, 1) : versions;
  return asked.find((version) => (webhook.rules ?? []).some((rule) => ruleMatches(rule, request, version)));
}

type Selectors = Pick<Webhook, 'objectSelector' | 'namespaceSelector'>;

/** Labels of the object before or after the request. */
export function matchesObject({ objectSelector }: Selectors, { object, oldObject }: AdmissionRequest): boolean {
  if (isEmptySelector(objectSelector)) return true;
  return [object, oldObject].some((one) => one && matchesLabelSelector(objectSelector!, one.metadata.labels));
}

/** Labels of the namespace that the object is in, or is. */
export async function matchesNamespace(
  { namespaceSelector }: Selectors,
  request: AdmissionRequest,
  { store, kinds }: AdmissionDeps,
): Promise<boolean> {
  const { kind, namespace, name, object, operation, subresource } = request;
  const isNamespace = kind.plural === 'namespaces' && kind.group === '';
  if (isEmptySelector(namespaceSelector) || (!isNamespace && !kind.namespaced)) return true;
  if (isNamespace && object && subresource === '' && operation !== 'DELETE') {
    return matchesLabelSelector(namespaceSelector!, object.metadata.labels);
  }
  const wanted = isNamespace ? name : namespace;
  const found = await store.find(kinds.kind('', 'Namespace'), '', wanted);
  if (!found) throw notFoundError({ group: '', resource: 'namespaces' }, wanted);
  return matchesLabelSelector(namespaceSelector!, found.object.metadata.labels);
}
