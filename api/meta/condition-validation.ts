// Conditions as meta/v1 has them. Upstream: apimachinery's apis/meta/v1/validation.
import { duplicate, type FieldError, invalid, notSupported, required, tooLong } from '../../machinery/field-error.ts';
import type { Condition } from '../../machinery/metadata.ts';
import { byteLength } from '../../machinery/name-rules.ts';
import { validateQualifiedName } from './checks.ts';
import { negativeText } from './validation.ts';

const maxReasonBytes = 1024;
const maxMessageBytes = 32 * 1024;
const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonText = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${reasonPattern}')`;

export function validateConditions(conditions: readonly Condition[], path: string): FieldError[] {
  return conditions.flatMap((condition, i) => {
    const errors = validateCondition(condition, `${path}[${i}]`);
    const isTwice = conditions.findIndex((other) => other.type === condition.type) < i;
    return isTwice ? [duplicate(`${path}[${i}].type`, condition.type), ...errors] : errors;
  });
}

function validateCondition(condition: Condition, path: string): FieldError[] {
  const { type, status, observedGeneration = 0, lastTransitionTime, reason, message } = condition;
  const errors: FieldError[] = [];
  if (type) errors.push(...validateQualifiedName(type, `${path}.type`));
  else errors.push(required(`${path}.type`));
  const statuses = ['False', 'True', 'Unknown'];
  if (!statuses.includes(status)) errors.push(notSupported(`${path}.status`, status, statuses));
  if (observedGeneration < 0) errors.push(invalid(`${path}.observedGeneration`, observedGeneration, negativeText));
  if (!lastTransitionTime) errors.push(required(`${path}.lastTransitionTime`));
  if (!reason) errors.push(required(`${path}.reason`));
  else {
    if (!new RegExp(`^${reasonPattern}$`).test(reason)) errors.push(invalid(`${path}.reason`, reason, reasonText));
    if (byteLength(reason) > maxReasonBytes) errors.push(tooLong(`${path}.reason`, maxReasonBytes));
  }
  if (byteLength(message) > maxMessageBytes) errors.push(tooLong(`${path}.message`, maxMessageBytes));
  return errors;
}
