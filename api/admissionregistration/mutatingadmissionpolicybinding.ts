// MutatingAdmissionPolicyBinding: where a mutating policy holds, and with which parameters.
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { bindingColumns } from './policy/columns.ts';
import { bindingFields } from './policy/schema.ts';
import { validateBindingSpec, validateMutatingOperations } from './policy/validation.ts';

const spec = s.api('admissionregistration.v1.MutatingAdmissionPolicyBindingSpec', 'Where a policy holds.', {
  ...bindingFields,
  policyName: s.string('The policy.'),
});

const schema = s.api('admissionregistration.v1.MutatingAdmissionPolicyBinding', 'Where a mutating policy holds.', {
  ...objectFields,
  spec: s.field(spec, 'Where the policy holds.', { always: true }),
});
export interface MutatingAdmissionPolicyBinding extends ObjectOf<typeof schema> {}

export const MutatingAdmissionPolicyBindingKind = defineKind<MutatingAdmissionPolicyBinding>({
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  scope: 'Cluster',
  demandsVersion: true,
  categories: ['api-extensions'],
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  columns: [...bindingColumns, ageColumn],
  validate: ({ spec }) => [
    ...validateBindingSpec(spec),
    ...validateMutatingOperations(spec.matchResources, 'spec.matchResources'),
  ],
});
