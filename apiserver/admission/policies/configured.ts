// The policies that a binding makes hold, compiled once for each version of a policy. Upstream: apiserver's
// admission/plugin/policy/generic/policy_source.go.
import type { BindingSpec, PolicySpec } from '../../../api/admissionregistration/policy/schema.ts';
import type { KindTable, ServedResource } from '../../registry/kind-table.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { ResourceCache } from '../../storage/resource-cache.ts';
import { keyPrefixOf, type StoredObject } from '../../storage/stored-object.ts';
import type { AdmissionDeps } from '../plugin.ts';

export const policyGroup = 'admissionregistration.k8s.io';

export interface Named<S> {
  name: string;
  spec: S;
}

/** A policy with the bindings that name it. */
export interface BoundPolicy<P extends PolicySpec, B extends BindingSpec, C> extends Named<P> {
  compiled: C;
  bindings: readonly Named<B>[];
  /** The resource of its parameters, where it has any and they are served. */
  params: ServedResource | undefined;
  /** Why it cannot be asked. */
  problem: string | undefined;
}

/** What was made of the policies, and when it is true. */
interface Snapshot<H> {
  policies: ResourceCache;
  bindings: ResourceCache;
  at: string;
  bound: readonly H[];
}

const sizeAndAge = (policies: ResourceCache, bindings: ResourceCache, kinds: KindTable) =>
  `${policies.changedAt} ${bindings.changedAt} ${kinds.generation}`;

/** The policies of a kind that are bound, by their names: a function that looks anew only when one has changed. */
export function boundPolicies<P extends PolicySpec, B extends BindingSpec, C>(
  kindName: string,
  compile: (spec: P) => C,
): (deps: AdmissionDeps) => Promise<readonly BoundPolicy<P, B, C>[]> {
  const compiled = new WeakMap<StoredObject, C>();
  const snapshots = new WeakMap<ObjectStore, Snapshot<BoundPolicy<P, B, C>>>();

  const bind = (stored: StoredObject, bindings: readonly Named<B>[], kinds: KindTable): BoundPolicy<P, B, C> => {
    const { metadata, spec } = stored.object as { metadata: { name?: string }; spec?: P };
    const own = spec ?? ({} as P);
    const params = own.paramKind && kinds.ofKind(own.paramKind.apiVersion ?? '', own.paramKind.kind ?? '');
    const problem = own.paramKind && !params ? describeMissing(own.paramKind) : undefined;
    const known = compiled.getOrInsertComputed(stored, () => compile(own));
    return { name: metadata.name ?? '', spec: own, compiled: known, bindings, params, problem };
  };

  return async ({ store, kinds }) => {
    const bindingKind = kinds.kind(policyGroup, `${kindName}Binding`);
    const bindings = await store.seen(bindingKind);
    if (bindings.size === 0) return [];
    const policyKind = kinds.kind(policyGroup, kindName);
    const policies = await store.seen(policyKind);
    const at = sizeAndAge(policies, bindings, kinds);
    const last = snapshots.get(store);
    if (last?.policies === policies && last.bindings === bindings && last.at === at) return last.bound;
    const byPolicy = new Map<string, Named<B>[]>();
    for (const { object } of bindings.list(keyPrefixOf(bindingKind))) {
      const spec = object.spec as B;
      byPolicy.getOrInsert(spec.policyName ?? '', []).push({ name: object.metadata.name ?? '', spec });
    }
    const bound: BoundPolicy<P, B, C>[] = [];
    for (const stored of policies.list(keyPrefixOf(policyKind))) {
      const its = byPolicy.get(stored.object.metadata.name ?? '');
      if (its) bound.push(bind(stored, its, kinds));
    }
    snapshots.set(store, { policies, bindings, at, bound });
    return bound;
  };
}

type ParamKind = NonNullable<PolicySpec['paramKind']>;

function describeMissing({ apiVersion = '', kind = '' }: ParamKind): string {
  const gv = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  return `failed to find resource referenced by paramKind: '${gv}, Kind=${kind}'`;
}
