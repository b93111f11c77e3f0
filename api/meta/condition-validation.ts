// Validation of conditions of the common type. Upstream: ValidateConditions in apis/meta/v1/validation.
import { append, duplicate, type FieldError, invalid, required, tooLong } from '../../machinery/field-error.ts';
import type { Condition } from '../../machinery/metadata.ts';
import { byteLength, patternText } from '../../machinery/name-rules.ts';
import { validateOptionalWord, validateQualifiedName } from './checks.ts';

const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const wholeReason = new RegExp(`^${reasonPattern}$`);
const reasonText = patternText(
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
  reasonPattern,
  ['my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB'],
);
const maxReasonLength = 1024;
const maxMessageLength = 32 * 1024;

export function validateConditions(conditions: readonly Condition[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, condition] of conditions.entries()) {
    const at = `${path}[${i}]`;
    if (seen.has(condition.type)) errors.push(duplicate(`${at}.type`, condition.type));
    seen.add(condition.type);
    append(errors, validateCondition(condition, at));
  }
  return errors;
}

function validateCondition(condition: Condition, path: string): FieldError[] {
  const { type, status, observedGeneration = 0, lastTransitionTime, reason, message } = condition;
  const errors = validateQualifiedName(type, `${path}.type`);
  append(errors, validateOptionalWord(status, ['False', 'True', 'Unknown'], `${path}.status`));
  if (observedGeneration < 0) {
    const detail = 'must be greater than or equal to zero';
    errors.push(invalid(`${path}.observedGeneration`, observedGeneration, detail));
  }
  if (!lastTransitionTime) errors.push(required(`${path}.lastTransitionTime`, 'must be set'));
  if (!reason) errors.push(required(`${path}.reason`, 'must be set'));
  else if (!wholeReason.test(reason)) errors.push(invalid(`${path}.reason`, reason, reasonText));
  if (byteLength(reason) > maxReasonLength) errors.push(tooLong(`${path}.reason`, maxReasonLength));
  if (byteLength(message) > maxMessageLength) errors.push(tooLong(`${path}.message`, maxMessageLength));
  return errors;
}
