// The environments of Kubernetes v1.36: rules of custom resources, and expressions of admission: policies, match conditions.
// Upstream: apiserver/pkg/cel/environment, apiextensions' cel/compilation.go, admission/plugin/cel/compile.go.
import type { DeclType } from './decl-type.ts';
import { decl, withNull } from './decl-type.ts';
import type { Library } from './decls.ts';
import { createEnv, type Env, type EnvOptions } from './env.ts';
import { addressLibrary } from './lib/addresses.ts';
import { authorizerLibrary, authorizerType, resourceCheckType } from './lib/authorizer.ts';
import { conversionLibrary } from './lib/conversions.ts';
import { formatLibrary } from './lib/formats.ts';
import { listValueLibrary } from './lib/list-values.ts';
import { listLibrary } from './lib/lists.ts';
import { optionalLibrary } from './lib/optionals.ts';
import { patchLibrary, resolvePatchType } from './lib/patches.ts';
import { quantityLibrary } from './lib/quantities.ts';
import { regexLibrary } from './lib/regex.ts';
import { semverLibrary } from './lib/semver.ts';
import { setLibrary } from './lib/sets.ts';
import { standardLibrary } from './lib/standard.ts';
import { stringLibrary } from './lib/strings.ts';
import { timeLibrary } from './lib/times.ts';
import { twoVariableLibrary } from './lib/two-variable.ts';
import { urlLibrary } from './lib/urls.ts';
import { type CelType, t } from './types.ts';

/** The functions of every expression in Kubernetes. */
export const kubernetesLibraries: readonly Library[] = [
  standardLibrary,
  conversionLibrary,
  timeLibrary,
  optionalLibrary,
  stringLibrary,
  setLibrary,
  twoVariableLibrary,
  authorizerLibrary,
  listValueLibrary,
  listLibrary,
  regexLibrary,
  urlLibrary,
  addressLibrary,
  quantityLibrary,
  formatLibrary,
  semverLibrary,
];

/** Those of mutating policies too. */
const patchingLibraries: readonly Library[] = [...kubernetesLibraries, patchLibrary];

/** An environment with Kubernetes' settings, and its functions if no others are given. */
export function kubernetesEnv(options: Omit<EnvOptions, 'libraries'> & { libraries?: readonly Library[] }): Env {
  return createEnv({
    hasQuotedNames: false,
    hasUniformLiterals: true,
    checksLiterals: true,
    isPresenceTestFree: true,
    ...options,
    libraries: options.libraries ?? kubernetesLibraries,
  });
}

/**
 * Rules of a custom resource's schema. `self` is the value that the schema describes, `oldSelf` what it was before:
 * absent from rules that are no transition rules, optional with `optionalOldSelf`.
 */
export function crdEnv(self: DeclType, oldSelf: 'none' | 'value' | 'optional' = 'value'): Env {
  const old: Record<string, CelType | DeclType> =
    oldSelf === 'none' ? {} : { oldSelf: oldSelf === 'value' ? self : t.optional(self.type) };
  return kubernetesEnv({ variables: { self, ...old } });
}

export interface PolicyEnvOptions {
  /** What is admitted; anything where it is not given, as policies are compiled. Given, its fields are checked. */
  readonly object?: DeclType;
  /** The parameter object; `true` for one of any form. */
  readonly params?: DeclType | true;
  /** `authorizer` and `authorizer.requestResource`. */
  readonly hasAuthorizer?: boolean;
  /** `namespaceObject`; match conditions of webhooks have none. */
  readonly hasNamespace?: boolean;
  /** The types of the policy's variables, in `variables`. */
  readonly variables?: ReadonlyMap<string, CelType>;
  /** `Object{}` and `JSONPatch{}` of mutating policies. */
  readonly hasPatchTypes?: boolean;
}

/** Expressions of admission policies and match conditions. */
export function policyEnv(options: PolicyEnvOptions = {}): Env {
  const object = options.object ?? decl.dyn();
  const variables: Record<string, CelType | DeclType> = { object, oldObject: object, request: requestDecl };
  if (options.hasNamespace !== false) variables.namespaceObject = withNull(namespaceDecl);
  if (options.params !== undefined) variables.params = options.params === true ? decl.dyn() : options.params;
  if (options.hasAuthorizer) {
    variables.authorizer = authorizerType;
    variables['authorizer.requestResource'] = resourceCheckType;
  }
  const known = options.variables;
  if (known !== undefined) {
    variables.variables = { kind: 'object', name: 'kubernetes.variables', field: (name) => known.get(name) };
  }
  return kubernetesEnv({
    variables,
    ...(options.hasPatchTypes ? { libraries: patchingLibraries, resolveType: resolvePatchType } : {}),
  });
}

const text = decl.string();
const fields = (name: string, table: Record<string, DeclType>) => decl.object(name, () => Object.entries(table));
const groupVersionKind = fields('kubernetes.GroupVersionKind', { group: text, version: text, kind: text });
const groupVersionResource = fields('kubernetes.GroupVersionResource', { group: text, version: text, resource: text });

/** The request, without its objects: those are variables of their own. */
const requestDecl = fields('kubernetes.AdmissionRequest', {
  kind: groupVersionKind,
  resource: groupVersionResource,
  subResource: text,
  requestKind: groupVersionKind,
  requestResource: groupVersionResource,
  requestSubResource: text,
  name: text,
  namespace: text,
  operation: text,
  userInfo: fields('kubernetes.UserInfo', {
    username: text,
    uid: text,
    groups: decl.list(text),
    extra: decl.map(decl.list(text)),
  }),
  dryRun: decl.bool,
  options: decl.dyn(),
});

const namespaceDecl = fields('kubernetes.Namespace', {
  metadata: fields('kubernetes.NamespaceMetadata', {
    name: text,
    generateName: text,
    namespace: text,
    labels: decl.map(text),
    annotations: decl.map(text),
    UID: text,
    creationTimestamp: decl.timestamp,
    deletionGracePeriodSeconds: decl.int,
    deletionTimestamp: decl.timestamp,
    generation: decl.int,
    resourceVersion: text,
    finalizers: decl.list(text),
  }),
  spec: fields('kubernetes.NamespaceSpec', { finalizers: decl.list(text) }),
  status: fields('kubernetes.NamespaceStatus', {
    conditions: decl.list(
      fields('kubernetes.NamespaceCondition', {
        status: text,
        type: text,
        lastTransitionTime: decl.timestamp,
        message: text,
        reason: text,
      }),
    ),
    phase: text,
  }),
});
