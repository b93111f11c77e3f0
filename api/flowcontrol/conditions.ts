// Conditions of flow schemas and priority levels: every type once.
import { duplicate, type FieldError, required } from '../../machinery/field-error.ts';

export function validateFlowConditions(conditions: readonly { type?: string }[] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { type = '' }] of (conditions ?? []).entries()) {
    if (seen.has(type)) errors.push(duplicate(`status.conditions[${i}].type`, type));
    seen.add(type);
    if (!type) errors.push(required(`status.conditions[${i}].type`, 'must not be empty'));
  }
  return errors;
}
