// Validation of how the capacity of a device is shared. Upstream: pkg/apis/resource/validation.
import { duplicate, type FieldError, forbidden, invalid, required, tooMany } from '../../../machinery/field-error.ts';
import { addQuantities, compareQuantities, parseQuantity } from '../../../machinery/quantity.ts';
import type { CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity } from './schema.ts';

const maxValues = 10;

export function validateCapacity(capacity: DeviceCapacity, isShared: boolean, path: string): FieldError[] {
  const { requestPolicy: policy, value } = capacity;
  const at = `${path}.requestPolicy`;
  if (!policy) return [];
  if (!isShared) return [forbidden(at, 'allowMultipleAllocations must be true')];
  const values = policy.validValues ?? [];
  if (values.length > 0 && policy.validRange) {
    const text = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    return [forbidden(at, text)];
  }
  const field = values.length > 0 ? 'validValues' : 'validRange';
  if (values.length === 0 && !policy.validRange) return [];
  if (policy.default === undefined) return [required(`${at}.default`, `required when ${field} is defined`)];
  return policy.validRange
    ? validateRange(policy.validRange, policy.default, value, `${at}.validRange`)
    : validateValues(policy, policy.default, value, `${at}.validValues`);
}

function validateValues(
  { validValues = [] }: CapacityRequestPolicy,
  standard: string,
  whole: string,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, value] of validValues.entries()) {
    if (i > 0 && compareQuantities(validValues[i - 1], value) > 0) {
      errors.push(invalid(`${path}[${i}]`, value, 'values must be sorted in ascending order'));
    }
  }
  if (validValues.length > maxValues) errors.push(tooMany(path, validValues.length, maxValues));
  else {
    for (const [i, value] of validValues.entries()) {
      if (compareQuantities(value, whole) <= 0) continue;
      errors.push(invalid(`${path}[${i}]`, value, `option is larger than capacity value: ${whole}`));
    }
    for (const [i, value] of validValues.entries()) {
      const isRepeated = validValues.findIndex((other) => compareQuantities(other, value) === 0) < i;
      if (isRepeated) errors.push(duplicate(`${path}[${i}]`, value));
    }
    if (validValues.some((value) => compareQuantities(value, standard) === 0)) return errors;
  }
  return [...errors, invalid(path, standard, 'default value is not valid according to the requestPolicy')];
}

function validateRange(range: CapacityRequestPolicyRange, standard: string, whole: string, path: string): FieldError[] {
  const { min, max, step } = range;
  if (min === undefined) return [required(`${path}.min`, 'required when validRange is defined')];
  const errors: FieldError[] = [];
  const check = (a: string, b: string, field: string, shown: string, text: string) => {
    if (compareQuantities(a, b) > 0) errors.push(invalid(`${path}.${field}`, shown, text));
  };
  check(min, whole, 'min', min, `min is larger than capacity value: ${whole}`);
  check(min, standard, 'default', standard, `default is less than min: ${min}`);
  if (max !== undefined) {
    check(min, max, 'max', min, `min is larger than max: ${max}`);
    check(max, whole, 'max', max, `max is larger than capacity value: ${whole}`);
    check(standard, max, 'default', standard, `default is more than max: ${max}`);
  }
  if (step === undefined) return errors;
  if (compareQuantities(step, '0') <= 0) return [...errors, invalid(`${path}.step`, step, 'must be greater than zero')];
  const added = addQuantities(min, step);
  check(added, whole, 'step', step, `one step ${added} is larger than capacity value: ${whole}`);
  for (const value of [standard, ...(max === undefined ? [] : [max])]) {
    if (isOnStep(value, min, step)) continue;
    const text = `value is not a multiple of a given step (${step}) from (${min})`;
    errors.push(invalid(`${path}.step`, value, text));
  }
  return errors;
}

function isOnStep(value: string, min: string, step: string): boolean {
  const nanosOf = (text: string) => parseQuantity(text)?.nanos ?? 0n;
  return (nanosOf(value) - nanosOf(min)) % nanosOf(step) === 0n;
}
