// What is to be done for a request: each policy with each of its bindings and each of its parameters. Upstream:
// apiserver's admission/plugin/policy/generic/policy_dispatcher.go.
import type { BindingSpec, PolicySpec } from '../../../api/admissionregistration/policy/schema.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';
import { versionsOfRequest } from '../webhooks/matching.ts';
import type { BoundPolicy, Named } from './configured.ts';
import { tryMatch } from './matching.ts';
import { collectParams } from './params.ts';

export interface Invocation<P extends PolicySpec, B extends BindingSpec, C> {
  policy: BoundPolicy<P, B, C>;
  /** Absent where the policy itself cannot be asked. */
  binding?: Named<B>;
  /** Why it cannot be asked. */
  problem?: string;
  /** The version in which the policy sees the request. */
  resource: ServedResource;
  param: KubeObject | null;
}

/** In the order of the names of policies and bindings. */
export async function invocationsOf<P extends PolicySpec, B extends BindingSpec, C>(
  policies: readonly BoundPolicy<P, B, C>[],
  request: AdmissionRequest,
  deps: AdmissionDeps,
): Promise<Invocation<P, B, C>[]> {
  const versions = versionsOfRequest(request, deps);
  const found: Invocation<P, B, C>[] = [];
  for (const policy of policies) {
    const resource = await tryMatch(policy.spec.matchConstraints ?? {}, request, versions, deps);
    if (resource === undefined) continue;
    const problem = typeof resource === 'string' ? resource : policy.problem;
    if (typeof resource === 'string' || problem !== undefined) {
      const text = `failed to configure policy: ${problem}`;
      found.push({ policy, problem: text, resource: versions[0]!, param: null });
      continue;
    }
    for (const binding of policy.bindings) {
      const matches = await tryMatch(binding.spec.matchResources, request, versions, deps);
      if (matches === undefined) continue;
      const params =
        typeof matches === 'string'
          ? matches
          : await collectParams(policy.params, binding.spec.paramRef, request, deps);
      if (typeof params === 'string') {
        found.push({ policy, binding, problem: `failed to configure binding: ${params}`, resource, param: null });
        continue;
      }
      for (const param of params) found.push({ policy, binding, resource, param });
    }
  }
  return found;
}
