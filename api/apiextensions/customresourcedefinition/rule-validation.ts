// The rules in CEL that stand in a schema, as far as they can be judged as texts; rule-expressions.ts compiles them.
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { validateOptionalWord } from '../../meta/checks.ts';
import { findField } from './field-path.ts';
import type { JSONSchemaProps, ValidationRule } from './json-schema.ts';

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const hasLineBreak = (text: string) => /[\r\n]/.test(text);

export function validateRules(schema: JSONSchemaProps, path: string): FieldError[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap((rule, i) =>
    validateRule(rule, schema, `${path}.x-kubernetes-validations[${i}]`),
  );
}

function validateRule(rule: ValidationRule, schema: JSONSchemaProps, path: string): FieldError[] {
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule;
  const errors: FieldError[] = [];
  const trimmed = message.trim();
  if (rule.rule.trim() === '') {
    errors.push(required(`${path}.rule`, 'rule is not specified'));
  } else if (message !== '' && trimmed === '') {
    errors.push(invalid(`${path}.message`, message, 'must be non-empty if specified'));
  } else if (hasLineBreak(trimmed)) {
    errors.push(invalid(`${path}.message`, message, 'must not contain line breaks'));
  } else if (hasLineBreak(rule.rule.trim()) && trimmed === '') {
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const why = 'messageExpression must be non-empty if specified';
    errors.push(required(`${path}.messageExpression`, why));
  }
  append(errors, validateOptionalWord(reason, reasons, `${path}.reason`));
  const badPath = (why: string) => errors.push(invalid(`${path}.fieldPath`, fieldPath, why));
  if (fieldPath !== '' && fieldPath.trim() === '') badPath('must be non-empty if specified');
  if (hasLineBreak(fieldPath)) badPath('must not contain line breaks');
  if (fieldPath !== '' && typeof findField(fieldPath, schema) === 'string') badPath('must be a valid path');
  return errors;
}
