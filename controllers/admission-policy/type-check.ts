// What is odd about the expressions of a policy when the types of the objects that it is for are known: it is compiled
// knowing nothing of them. Upstream: apiserver's admission/plugin/policy/validating/typechecking.go. Pure.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
import type { ValidatingAdmissionPolicySpec } from '../../api/admissionregistration/validatingadmissionpolicy.ts';
import { compile } from '../../machinery/cel/cel.ts';
import type { Env } from '../../machinery/cel/env.ts';
import { policyEnv } from '../../machinery/cel/kubernetes-env.ts';
import { type CelType, t } from '../../machinery/cel/types.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import type { KnownType } from './known-types.ts';

export interface ExpressionWarning {
  fieldRef: string;
  warning: string;
}

const maxTypes = 10;

/** `known` are all types that are known; of others nothing can be said. */
export function checkTypes(spec: ValidatingAdmissionPolicySpec, known: readonly KnownType[]): ExpressionWarning[] {
  const types = typesOf(spec, known);
  const envs = types.map((type) => ({ type, env: typedEnv(spec, type, known) }));
  const warnings: ExpressionWarning[] = [];
  const check = (expression: string, fieldRef: string) => {
    const issues = envs.flatMap(({ type: { group, version, kind }, env }) => {
      const compiled = compile(expression, env);
      if (compiled.ok) return [];
      return [`${group}/${version}, Kind=${kind}: ${compiled.issues}\n`];
    });
    if (issues.length > 0) warnings.push({ fieldRef, warning: issues.join('\n') });
  };
  for (const [i, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    check(expression, `spec.validations[${i}].expression`);
    if (messageExpression) check(messageExpression, `spec.validations[${i}].messageExpression`);
  }
  return warnings;
}

/** The types that a policy names without wildcards, by group, version and kind. */
function typesOf(spec: ValidatingAdmissionPolicySpec, known: readonly KnownType[]): KnownType[] {
  const found = new Map<string, KnownType>();
  for (const rule of spec.matchConstraints?.resourceRules ?? []) {
    const { apiGroups = [], apiVersions = [], resources = [] } = rule;
    for (const type of known) {
      const { group, version, kind, plural } = type;
      const isMeant = apiGroups.includes(group) && apiVersions.includes(version) && resources.includes(plural);
      if (isMeant && found.size < maxTypes) found.set([group, version, kind].join(' '), type);
    }
  }
  return [...found.keys()].sort().map((key) => found.get(key)!);
}

function typedEnv(spec: ValidatingAdmissionPolicySpec, type: KnownType, known: readonly KnownType[]): Env {
  const { paramKind, variables = [] } = spec;
  const params =
    paramKind && known.find((one) => one.kind === paramKind.kind && apiVersionOf(one) === paramKind.apiVersion);
  const options = {
    object: type.describe(),
    hasAuthorizer: true,
    ...(paramKind && { params: params ? params.describe() : (true as const) }),
  };
  const types = new Map<string, CelType>();
  for (const { name, expression } of variables) {
    const compiled = compile(expression, policyEnv({ ...options, variables: types }));
    types.set(name, compiled.ok ? compiled.type : t.dyn);
  }
  return policyEnv({ ...options, variables: types });
}
