// Conditions that a pod waits for before it is bound to the node of its devices.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#device-binding-conditions
import { append, duplicate, type FieldError, invalid } from '../../../machinery/field-error.ts';
import { repeatsIn, validateQualifiedName } from '../../meta/checks.ts';
import { validateList } from './names.ts';

const maxConditions = 4;

interface BindingConditions {
  bindingConditions?: readonly string[];
  bindingFailureConditions?: readonly string[];
}

export function validateBindingConditions(of: BindingConditions, path: string): FieldError[] {
  const { bindingConditions: wanted = [], bindingFailureConditions: failed = [] } = of;
  const [wantedPath, failedPath] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
  const errors = validateList(wanted, maxConditions, wantedPath, validateQualifiedName);
  append(errors, validateList(failed, maxConditions, failedPath, validateQualifiedName));
  if (Math.max(wanted.length, failed.length) > maxConditions) return errors;
  for (const i of repeatsIn(wanted)) errors.push(duplicate(`${wantedPath}[${i}]`, wanted[i]));
  const repeats = repeatsIn(failed);
  for (const [i, name] of failed.entries()) {
    if (repeats.has(i)) errors.push(duplicate(`${failedPath}[${i}]`, name));
    if (!wanted.includes(name)) continue;
    const text = 'bindingFailureConditions must not overlap with bindingConditions';
    errors.push(invalid(`${failedPath}[${i}]`, name, text));
  }
  if (wanted.length === 0 && failed.length > 0) {
    const text = 'bindingConditions are required to use bindingFailureConditions';
    errors.push(invalid(wantedPath, of.bindingConditions, text));
  }
  if (failed.length === 0 && wanted.length > 0) {
    const text = 'bindingFailureConditions are required to use bindingConditions';
    errors.push(invalid(failedPath, of.bindingFailureConditions, text));
  }
  return errors;
}
