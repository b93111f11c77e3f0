// The parameters of a policy for a request. Upstream: CollectParams in apiserver's
// admission/plugin/policy/generic/policy_dispatcher.go.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#parameter-resources
import type { ParamRef } from '../../../api/admissionregistration/policy/schema.ts';
import { matchesLabelSelector } from '../../../machinery/labels.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import { keyPrefixOf } from '../../storage/stored-object.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';

/** What a request has for namespace: one that is a namespace has itself. */
const namespaceOf = ({ kind, namespace, name }: AdmissionRequest) =>
  kind.group === '' && kind.plural === 'namespaces' ? name : namespace;

/**
 * The objects that the policy is to be asked with, one after the other; null stands for none. Nothing where none are
 * there and that is allowed; a text says what is wrong.
 */
export async function collectParams(
  resource: ServedResource | undefined,
  ref: ParamRef | undefined,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): Promise<(KubeObject | null)[] | string> {
  if (!resource || !ref) return [null];
  const { kind } = resource;
  if (ref.namespace && !kind.namespaced) {
    return 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`';
  }
  const namespace = kind.namespaced ? ref.namespace || namespaceOf(request) : '';
  if (kind.namespaced && !namespace) {
    return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
  }
  const params = await findParams(resource, ref, namespace, deps);
  if (params.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    return 'no params found for policy binding with `Deny` parameterNotFoundAction';
  }
  return params;
}

async function findParams(
  { kind, version }: ServedResource,
  { name, selector }: ParamRef,
  namespace: string,
  { store }: AdmissionDeps,
): Promise<KubeObject[]> {
  if (name) {
    const found = await store.find(kind, namespace, name);
    return found ? [found.as(kind, version)] : [];
  }
  const prefix = keyPrefixOf(kind);
  const cache = await store.seen(kind);
  const all = [...cache.list(namespace ? `${prefix}${namespace}/` : prefix)];
  const chosen = all.filter(({ object }) => matchesLabelSelector(selector ?? {}, object.metadata.labels));
  return (await store.view(kind, chosen)).map((stored) => stored.as(kind, version));
}
