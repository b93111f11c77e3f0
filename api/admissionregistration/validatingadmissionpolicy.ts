// ValidatingAdmissionPolicy: rules in CEL that objects must fulfil where a binding says so.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { PolicyEnvOptions } from '../../machinery/cel/kubernetes-env.ts';
import { append, duplicate, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { clientMetadata, column, defineKind } from '../../machinery/kind.ts';
import { condition, objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { validateOptionalWord, validateQualifiedName } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import { validateConditions } from '../meta/condition-validation.ts';
import type { ObjectOf } from '../meta/object.ts';
import { checkExpression } from './expressions.ts';
import { paramKindColumn } from './policy/columns.ts';
import { policyFields, variable } from './policy/schema.ts';
import { validatePolicySpec } from './policy/validation.ts';

export const validation = s.api('admissionregistration.v1.Validation', 'A rule.', {
  expression: s.string('CEL expression that must be true.', mandatory),
  message: s.string('What a failure says.'),
  messageExpression: s.string('CEL expression that gives the text of a failure.'),
  reason: s.string('Reason of the refusal: Forbidden, Invalid or RequestEntityTooLarge.', { pointer: true }),
});
export interface Validation extends TypeOf<typeof validation> {}

const auditAnnotation = s.api('admissionregistration.v1.AuditAnnotation', 'A note for the audit log.', {
  key: s.string('Key of the note, below the name of the policy.', mandatory),
  valueExpression: s.string('CEL expression that gives its mandatory, or null for none.', mandatory),
});
export interface AuditAnnotation extends TypeOf<typeof auditAnnotation> {}

const spec = s.api('admissionregistration.v1.ValidatingAdmissionPolicySpec', 'What a policy demands.', {
  ...policyFields,
  auditAnnotations: s.list(auditAnnotation, 'Notes for the audit log.', atomic),
  validations: s.list(validation, 'The rules.', atomic),
  variables: s.list(variable, 'Values with names, each from those before.', mergedBy('name')),
});
export interface ValidatingAdmissionPolicySpec extends TypeOf<typeof spec> {}

const expressionWarning = s.api('admissionregistration.v1.ExpressionWarning', 'What is odd about an expression.', {
  fieldRef: s.string('Path of the expression.', mandatory),
  warning: s.string('What is odd.', mandatory),
});

const typeChecking = s.api('admissionregistration.v1.TypeChecking', 'What trying the types of expressions showed.', {
  expressionWarnings: s.list(expressionWarning, 'What is odd.', atomic),
});

const status = s.api('admissionregistration.v1.ValidatingAdmissionPolicyStatus', 'Observed state of a policy.', {
  conditions: s.list(condition, 'State of the policy.', { listType: 'map', listMapKeys: ['type'] }),
  observedGeneration: s.int64('The generation this status was computed from.'),
  typeChecking: s.field(typeChecking, 'What trying the types of its expressions showed.'),
});

const schema = s.api('admissionregistration.v1.ValidatingAdmissionPolicy', 'Rules for objects where bindings say so.', {
  ...objectFields,
  spec: s.field(spec, 'What it demands.', { always: true }),
  status: s.field(status, 'What is known of it.', { always: true }),
});
export interface ValidatingAdmissionPolicy extends ObjectOf<typeof schema> {}

export const ValidatingAdmissionPolicyKind = defineKind<ValidatingAdmissionPolicy>({
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  scope: 'Cluster',
  demandsVersion: true,
  categories: ['api-extensions'],
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema }],
  subresources: { status: true },
  statusKeeps: clientMetadata,
  hasGeneration: true,
  columns: [
    column('Validations', 'integer', 'Number of rules.', ({ spec }) => spec.validations?.length ?? 0),
    paramKindColumn,
    ageColumn,
  ],
  validate: ({ metadata, spec }) => {
    const { errors, env } = validatePolicySpec(spec);
    return [...errors, ...validateDemands(spec, metadata.name ?? '', { env, path: 'spec' })];
  },
  validateStatusUpdate: ({ status }) => [
    ...(status?.typeChecking?.expressionWarnings ?? []).flatMap(({ warning, fieldRef }, i) => {
      const path = `status.typeChecking.expressionWarnings[${i}]`;
      const errors = warning ? [] : [required(`${path}.warning`)];
      return fieldRef.trim() ? errors : [...errors, required(`${path}.fieldRef`)];
    }),
    ...validateConditions(status?.conditions ?? [], 'status.conditions'),
  ],
});

const maxAuditAnnotations = 20;
const maxValueExpressionBytes = 5 * 1024;

interface Place {
  env: PolicyEnvOptions;
  path: string;
}

function validateDemands(spec: ValidatingAdmissionPolicySpec, name: string, { env, path }: Place): FieldError[] {
  const { validations = [], auditAnnotations = [] } = spec;
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    return [required(`${path}.validations`, why), required(`${path}.auditAnnotations`, why)];
  }
  const errors = validations.flatMap((v, i) => validateValidation(v, { env, path: `${path}.validations[${i}]` }));
  const notesPath = `${path}.auditAnnotations`;
  if (auditAnnotations.length > maxAuditAnnotations) {
    const why = `must not have more than ${maxAuditAnnotations} auditAnnotations`;
    errors.push(invalid(notesPath, auditAnnotations, why));
  }
  const seen = new Set<string>();
  for (const [i, note] of auditAnnotations.entries()) {
    append(errors, validateAuditAnnotation(note, name, { env, path: `${notesPath}[${i}]` }));
    if (seen.has(note.key)) errors.push(duplicate(`${notesPath}[${i}].key`, note.key));
    seen.add(note.key);
  }
  return errors;
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

function validateValidation(rule: Validation, { env, path }: Place): FieldError[] {
  const { message = '', messageExpression = '', reason } = rule;
  const errors: FieldError[] = [];
  if (rule.expression.trim() === '') errors.push(required(`${path}.expression`, 'expression is not specified'));
  else append(errors, checkExpression(rule.expression, env, ['bool'], `${path}.expression`));
  if (messageExpression && messageExpression.trim() === '') {
    errors.push(invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  } else if (messageExpression) {
    const silent = { ...env, hasAuthorizer: false };
    append(errors, checkExpression(messageExpression, silent, ['string'], `${path}.messageExpression`));
  }
  if (message && message.trim() === '') {
    errors.push(invalid(`${path}.message`, message, 'must be non-empty if specified'));
  } else if (/[\r\n]/.test(message.trim())) {
    errors.push(invalid(`${path}.message`, message, 'must not contain line breaks'));
  }
  append(errors, validateOptionalWord(reason, reasons, `${path}.reason`));
  return errors;
}

function validateAuditAnnotation(note: AuditAnnotation, name: string, { env, path }: Place): FieldError[] {
  const errors = name
    ? validateQualifiedName(`${name}/${note.key}`, `${path}.key`)
    : [invalid(`${path}.key`, note.key, 'requires metadata.name be non-empty')];
  const expression = note.valueExpression.trim();
  if (expression === '') {
    errors.push(required(`${path}.valueExpression`, 'valueExpression is not specified'));
  } else if (expression.length > maxValueExpressionBytes) {
    const why = `must not exceed ${maxValueExpressionBytes} bytes in length`;
    errors.push(required(`${path}.valueExpression`, why));
  } else {
    append(errors, checkExpression(expression, env, ['string', 'null_type'], `${path}.valueExpression`));
  }
  return errors;
}
