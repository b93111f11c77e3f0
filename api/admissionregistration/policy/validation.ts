// What policies and bindings of both sorts may say. Upstream: pkg/apis/admissionregistration/validation.
import type { PolicyEnvOptions } from '../../../machinery/cel/kubernetes-env.ts';
import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { checkDNS1035Label, checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import {
  validateDNSSubdomain,
  validateInOne,
  validateKindName,
  validateLabelSelector,
  validateOptionalWord,
  validateWord,
} from '../../meta/checks.ts';
import { validatePathSegment } from '../../meta/validation.ts';
import { checkVariables } from '../expressions.ts';
import { failurePolicies, matchPolicies, validateMatchConditions, validateNamedRule } from '../match.ts';
import type { BindingSpec, MatchResources, ParamKind, ParamRef, PolicySpec, Variable } from './schema.ts';

/** What the expressions of a policy may speak of, besides its variables. */
export const policyEnvOf = ({ paramKind }: PolicySpec): PolicyEnvOptions => ({
  hasAuthorizer: true,
  ...(paramKind && { params: true as const }),
});

/** Everything of a policy but what it does; and what its expressions may speak of. */
export function validatePolicySpec(spec: PolicySpec): { errors: FieldError[]; env: PolicyEnvOptions } {
  const errors = validateWord(spec.failurePolicy, failurePolicies, 'spec.failurePolicy');
  if (spec.paramKind) append(errors, validateParamKind(spec.paramKind, 'spec.paramKind'));
  const constraintsPath = 'spec.matchConstraints';
  if (!spec.matchConstraints) {
    errors.push(required(constraintsPath));
  } else {
    append(errors, validateMatchResources(spec.matchConstraints, constraintsPath));
    if (!spec.matchConstraints.resourceRules?.length) errors.push(required(`${constraintsPath}.resourceRules`));
  }
  const env = policyEnvOf(spec);
  append(errors, validateMatchConditions(spec.matchConditions ?? [], env, 'spec.matchConditions'));
  const variables = spec.variables ?? [];
  for (const [i, variable] of variables.entries()) append(errors, validateVariable(variable, `spec.variables[${i}]`));
  const { errors: wrong, types } = checkVariables(variables, env, 'spec.variables');
  return { errors: [...errors, ...wrong], env: variables.length > 0 ? { ...env, variables: types } : env };
}

/** Nothing can be changed of what is deleted. */
export function validateMutatingOperations(match: MatchResources | undefined, path: string): FieldError[] {
  const field = `${path}.resourceRules.operations`;
  return (match?.resourceRules ?? [])
    .flatMap((rule) => rule.operations ?? [])
    .flatMap((operation) => validateOptionalWord(operation, ['*', 'CONNECT', 'CREATE', 'UPDATE'], field));
}

export function validateBindingSpec(spec: BindingSpec): FieldError[] {
  const { policyName } = spec;
  const at = 'spec.policyName';
  const errors = policyName ? validateDNSSubdomain(policyName, at) : [required(at)];
  if (spec.paramRef) append(errors, validateParamRef(spec.paramRef, 'spec.paramRef'));
  if (spec.matchResources) append(errors, validateMatchResources(spec.matchResources, 'spec.matchResources'));
  return errors;
}

function validateParamKind({ apiVersion = '', kind = '' }: ParamKind, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const field = `${path}.apiVersion`;
  const parts = apiVersion === '/' ? ['', ''] : apiVersion.split('/');
  if (apiVersion === '') errors.push(required(field));
  else if (parts.length > 2) errors.push(invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    const [group, version] = parts.length === 2 ? parts : ['', apiVersion];
    if (group) append(errors, validateInOne(checkDNS1123Subdomain, group, field));
    if (version) append(errors, validateInOne(checkDNS1035Label, version, field));
    else errors.push(invalid(field, apiVersion, 'version must be specified'));
  }
  return [...errors, ...(kind ? validateKindName(kind, `${path}.kind`) : [required(`${path}.kind`)])];
}

function validateMatchResources(match: MatchResources, path: string): FieldError[] {
  const errors = validateWord(match.matchPolicy, matchPolicies, `${path}.matchPolicy`);
  for (const key of ['namespaceSelector', 'objectSelector'] as const) {
    if (!match[key]) errors.push(required(`${path}.${key}`));
    append(errors, validateLabelSelector(match[key], `${path}.${key}`));
  }
  for (const key of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [i, rule] of (match[key] ?? []).entries()) {
      append(errors, validateNamedRule(rule, `${path}.${key}[${i}]`));
    }
  }
  return errors;
}

function validateParamRef(ref: ParamRef, path: string): FieldError[] {
  const { name = '', selector, parameterNotFoundAction: action = '' } = ref;
  const errors: FieldError[] = [];
  const exclusive = 'name and selector are mutually exclusive';
  if (name) {
    append(errors, validatePathSegment(name, `${path}.name`));
    if (selector) errors.push(forbidden(`${path}.name`, exclusive));
  }
  append(errors, validateLabelSelector(selector, `${path}.selector`));
  if (selector && name) errors.push(forbidden(`${path}.selector`, exclusive));
  if (!selector && !name) errors.push(required(path, 'one of name or selector must be specified'));
  append(errors, validateWord(action, ['Deny', 'Allow'], `${path}.parameterNotFoundAction`));
  return errors;
}

// What CEL keeps for itself.
const reserved = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while'
  ).split(' '),
);

function validateVariable({ name, expression }: Variable, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (name.trim() === '') errors.push(required(`${path}.name`, 'name is not specified'));
  else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || reserved.has(name)) {
    errors.push(invalid(`${path}.name`, name, 'must be a valid CEL identifier'));
  }
  if (expression.trim() === '') errors.push(required(`${path}.expression`, 'expression is not specified'));
  return errors;
}
