// What validating and mutating policies, and their bindings, have in common.
import { labelSelector } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { failurePolicies, matchConditionsField, matchPolicies, namedRuleWithOperations } from '../match.ts';

export const paramKind = s.atomic('admissionregistration.v1.ParamKind', 'The kind of objects that hold parameters.', {
  apiVersion: s.string('API version of the kind.'),
  kind: s.string('The kind.'),
});
export interface ParamKind extends TypeOf<typeof paramKind> {}

export const paramRef = s.atomic('admissionregistration.v1.ParamRef', 'The objects that hold the parameters.', {
  name: s.string('Name of one object.'),
  namespace: s.string('Its namespace; empty is that of the object in question.'),
  parameterNotFoundAction: s.string('When there is none: Allow or Deny.', { pointer: true }),
  selector: s.field(labelSelector, 'Labels of the objects.'),
});
export interface ParamRef extends TypeOf<typeof paramRef> {}

export const matchResources = s.atomic('admissionregistration.v1.MatchResources', 'Requests that a policy is for.', {
  excludeResourceRules: s.list(namedRuleWithOperations, 'Requests it is not for.', atomic),
  matchPolicy: s.string('Equivalent also matches other versions of a resource, Exact does not.', {
    pointer: true,
    default: 'Equivalent',
    enum: matchPolicies,
  }),
  namespaceSelector: s.field(labelSelector, 'Labels of namespaces whose objects it is for.', { default: {} }),
  objectSelector: s.field(labelSelector, 'Labels of objects it is for.', { default: {} }),
  resourceRules: s.list(namedRuleWithOperations, 'Requests it is for.', atomic),
});
export interface MatchResources extends TypeOf<typeof matchResources> {}

export const variable = s.atomic('admissionregistration.v1.Variable', 'A value with a name, for other expressions.', {
  expression: s.string('CEL expression of the value.', mandatory),
  name: s.string('Name, used as variables.name.', mandatory),
});
export interface Variable extends TypeOf<typeof variable> {}

export const policyFields = {
  failurePolicy: s.string('When an expression fails: Fail refuses the request, Ignore goes on.', {
    pointer: true,
    default: 'Fail',
    enum: failurePolicies,
  }),
  matchConditions: matchConditionsField,
  matchConstraints: s.field(matchResources, 'Requests it is for.'),
  paramKind: s.field(paramKind, 'Kind of its parameters.'),
} as const;

const commonSpec = s.object('', 'A policy of either sort.', {
  ...policyFields,
  variables: s.list(variable, 'Values with names.'),
});
export interface PolicySpec extends TypeOf<typeof commonSpec> {}

export const bindingFields = {
  matchResources: s.field(matchResources, 'Narrows what the policy is for.'),
  paramRef: s.field(paramRef, 'The parameters.'),
} as const;

const commonBinding = s.object('', 'A binding of either sort.', { ...bindingFields, policyName: s.string('') });
export interface BindingSpec extends TypeOf<typeof commonBinding> {}
