// MutatingAdmissionPolicy: changes in CEL that are made to objects where a binding says so.
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import type { PolicyEnvOptions } from '../../machinery/cel/kubernetes-env.ts';
import { append, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { validateWord } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { checkExpression } from './expressions.ts';
import { reinvocationPolicies } from './match.ts';
import { paramKindColumn } from './policy/columns.ts';
import { policyFields, variable } from './policy/schema.ts';
import { validateMutatingOperations, validatePolicySpec } from './policy/validation.ts';

const patchTypes = ['ApplyConfiguration', 'JSONPatch'] as const;

const applyConfiguration = s.api('admissionregistration.v1.ApplyConfiguration', 'A change that is applied.', {
  expression: s.string('CEL expression that gives an Object to apply.'),
});

const jsonPatch = s.api('admissionregistration.v1.JSONPatch', 'A change as a JSON patch.', {
  expression: s.string('CEL expression that gives a list of JSONPatch operations.'),
});

export const mutation = s.api('admissionregistration.v1.Mutation', 'A change.', {
  applyConfiguration: s.field(applyConfiguration, 'For ApplyConfiguration.'),
  jsonPatch: s.field(jsonPatch, 'For JSONPatch.'),
  patchType: s.string('ApplyConfiguration or JSONPatch.', { ...mandatory, enum: patchTypes }),
});
export interface Mutation extends TypeOf<typeof mutation> {}

const spec = s.api('admissionregistration.v1.MutatingAdmissionPolicySpec', 'What a policy changes.', {
  ...policyFields,
  mutations: s.list(mutation, 'The changes, in order.', atomic),
  reinvocationPolicy: s.string('Never, or IfNeeded to run again when others changed the object after it.', {
    enum: reinvocationPolicies,
  }),
  variables: s.list(variable, 'Values with names, each from those before.', atomic),
});
export interface MutatingAdmissionPolicySpec extends TypeOf<typeof spec> {}

const schema = s.api(
  'admissionregistration.v1.MutatingAdmissionPolicy',
  'Changes to objects where a binding says so.',
  {
    ...objectFields,
    spec: s.field(spec, 'What it changes.', { always: true }),
  },
);
export interface MutatingAdmissionPolicy extends ObjectOf<typeof schema> {}

export const MutatingAdmissionPolicyKind = defineKind<MutatingAdmissionPolicy>({
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  scope: 'Cluster',
  demandsVersion: true,
  categories: ['api-extensions'],
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  columns: [
    column('Mutations', 'integer', 'Number of changes.', ({ spec }) => spec.mutations?.length ?? 0),
    paramKindColumn,
    ageColumn,
  ],
  validate: ({ spec }) => {
    const { errors, env } = validatePolicySpec(spec);
    return [
      ...errors,
      ...validateMutatingOperations(spec.matchConstraints, 'spec.matchConstraints'),
      ...validateMutations(spec.mutations ?? [], { ...env, hasPatchTypes: true }),
      ...validateWord(spec.reinvocationPolicy, reinvocationPolicies, 'spec.reinvocationPolicy'),
    ];
  },
});

function validateMutations(mutations: readonly Mutation[], env: PolicyEnvOptions): FieldError[] {
  if (mutations.length === 0) return [required('spec.mutations', 'mutations must contain at least one item')];
  return mutations.flatMap((mutation, i) => validateMutation(mutation, env, `spec.mutations[${i}]`));
}

function validateMutation(mutation: Mutation, env: PolicyEnvOptions, path: string): FieldError[] {
  const { patchType } = mutation;
  const wrong = validateWord(patchType, patchTypes, `${path}.patchType`);
  if (wrong.length > 0) return wrong;
  const [own, other] =
    patchType === 'JSONPatch'
      ? (['jsonPatch', 'applyConfiguration'] as const)
      : (['applyConfiguration', 'jsonPatch'] as const);
  const errors: FieldError[] = [];
  if (!mutation[own]) errors.push(required(`${path}.${own}`, `must be specified when patchType is ${patchType}`));
  else {
    const text = mutation[own].expression?.trim();
    const at = `${path}.${own}.expression`;
    const results = [own === 'jsonPatch' ? 'list(JSONPatch)' : 'Object'];
    append(errors, text ? checkExpression(text, env, results, at) : [required(at)]);
  }
  if (mutation[other]) {
    errors.push(invalid(`${path}.${other}`, `{${other}}`, `must not be specified when patchType is ${patchType}`));
  }
  return errors;
}
