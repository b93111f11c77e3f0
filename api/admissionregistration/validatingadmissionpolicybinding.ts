// ValidatingAdmissionPolicyBinding: where a policy holds, with which parameters, and what a failure does.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/

import { append, duplicate, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { repeatsIn, validateOptionalWord } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { bindingColumns } from './policy/columns.ts';
import { bindingFields } from './policy/schema.ts';
import { validateBindingSpec } from './policy/validation.ts';

const actions = ['Audit', 'Deny', 'Warn'] as const;

const spec = s.api('admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec', 'Where a policy holds.', {
  ...bindingFields,
  policyName: s.string('The policy.', { required: true }),
  validationActions: s.list(s.string('', { enum: actions }), 'What a failure does: Deny, Warn, Audit.', {
    required: true,
    listType: 'set',
  }),
});
export interface ValidatingAdmissionPolicyBindingSpec extends TypeOf<typeof spec> {}

const schema = s.api('admissionregistration.v1.ValidatingAdmissionPolicyBinding', 'Where a policy holds.', {
  ...objectFields,
  spec: s.field(spec, 'Where the policy holds.', mandatory),
});
export interface ValidatingAdmissionPolicyBinding extends ObjectOf<typeof schema> {}

export const ValidatingAdmissionPolicyBindingKind = defineKind<ValidatingAdmissionPolicyBinding>({
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  scope: 'Cluster',
  demandsVersion: true,
  categories: ['api-extensions'],
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  columns: [...bindingColumns, ageColumn],
  validate: ({ spec }) => [...validateBindingSpec(spec), ...validateActions(spec.validationActions ?? [])],
});

function validateActions(given: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const repeats = repeatsIn(given);
  for (const [i, action] of given.entries()) {
    append(errors, validateOptionalWord(action, actions, `spec.validationActions[${i}]`));
    if (repeats.has(i)) errors.push(duplicate(`spec.validationActions[${i}]`, action));
  }
  if (given.includes('Deny') && given.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    errors.push(invalid('spec.validationActions', given, why));
  }
  if (given.length === 0) errors.push(required('spec.validationActions', 'at least one validation action is required'));
  return errors;
}
