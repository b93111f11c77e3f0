// What is odd about the expressions of a policy when the types of the objects that it is for are known: it is compiled
// knowing nothing of them. Upstream: apiserver's admission/plugin/policy/validating/typechecking.go. Pure.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
import type { ValidatingAdmissionPolicySpec } from '../../api/admissionregistration/validatingadmissionpolicy.ts';
import { compile } from '../../machinery/cel/cel.ts';
import { declFromSchema } from '../../machinery/cel/decl-schema.ts';
import type { Env } from '../../machinery/cel/env.ts';
import { policyEnv } from '../../machinery/cel/kubernetes-env.ts';
import { type CelType, t } from '../../machinery/cel/types.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';

export interface ExpressionWarning {
  fieldRef: string;
  warning: string;
}

interface TypedKind {
  kind: string;
  version: ServedVersion;
}

const maxTypes = 10;

/** `kinds` are those whose schemas are known; of others nothing can be said. */
export function checkTypes(spec: ValidatingAdmissionPolicySpec, kinds: readonly Kind[]): ExpressionWarning[] {
  const types = typesOf(spec, kinds);
  const envs = types.map((type) => ({ type, env: typedEnv(spec, type, kinds) }));
  const warnings: ExpressionWarning[] = [];
  const check = (expression: string, fieldRef: string) => {
    const issues = envs.flatMap(({ type: { kind, version }, env }) => {
      const compiled = compile(expression, env);
      if (compiled.ok) return [];
      return [`${version.group}/${version.version}, Kind=${kind}: ${compiled.issues}\n`];
    });
    if (issues.length > 0) warnings.push({ fieldRef, warning: issues.join('\n') });
  };
  for (const [i, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    check(expression, `spec.validations[${i}].expression`);
    if (messageExpression) check(messageExpression, `spec.validations[${i}].messageExpression`);
  }
  return warnings;
}

/** The kinds that a policy names without wildcards, by group, version and kind. */
function typesOf(spec: ValidatingAdmissionPolicySpec, kinds: readonly Kind[]): TypedKind[] {
  const found = new Map<string, TypedKind>();
  for (const rule of spec.matchConstraints?.resourceRules ?? []) {
    const { apiGroups = [], apiVersions = [], resources = [] } = rule;
    if ([...apiGroups, ...apiVersions].some((word) => word.includes('*'))) continue;
    for (const { kind, plural, served } of kinds) {
      if (!resources.includes(plural)) continue;
      for (const version of served) {
        const isMeant = apiVersions.includes(version.version) && apiGroups.includes(version.group);
        if (isMeant && found.size < maxTypes)
          found.set(`${version.group}\0${version.version}\0${kind}`, { kind, version });
      }
    }
  }
  return [...found.keys()].sort().map((key) => found.get(key)!);
}

function typedEnv(spec: ValidatingAdmissionPolicySpec, { version }: TypedKind, kinds: readonly Kind[]): Env {
  const { paramKind, variables = [] } = spec;
  const params =
    paramKind &&
    kinds
      .find(({ kind }) => kind === paramKind.kind)
      ?.served.find((served) => apiVersionOf(served) === paramKind.apiVersion);
  const options = {
    object: declFromSchema(version.schema),
    hasAuthorizer: true,
    ...(paramKind && { params: params ? declFromSchema(params.schema) : (true as const) }),
  };
  const types = new Map<string, CelType>();
  for (const { name, expression } of variables) {
    const compiled = compile(expression, policyEnv({ ...options, variables: types }));
    types.set(name, compiled.ok ? compiled.type : t.dyn);
  }
  return policyEnv({ ...options, variables: types });
}
