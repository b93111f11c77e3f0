// Validation of a job's failure and success policies. Upstream: pkg/apis/batch/validation.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { validateQualifiedName } from '../../meta/checks.ts';
import type { PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule } from './pod-failure-policy.ts';
import type { JobSpec } from './schema.ts';

const maxRules = 20;
const maxValues = 255;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

const tooManyRules = (path: string, count: number): FieldError => ({
  type: 'TooMany',
  field: path,
  detail: `Too many: ${count}: must have at most ${maxRules} items`,
});

export function validatePodFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const errors: FieldError[] = rules.length > maxRules ? [tooManyRules(`${path}.rules`, rules.length)] : [];
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...(containers ?? []), ...(initContainers ?? [])].map((container) => container.name));
  for (const [i, rule] of rules.entries()) errors.push(...validateRule(rule, spec, names, `${path}.rules[${i}]`));
  return errors;
}

function validateRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  containers: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.action) errors.push(required(`${path}.action`, `valid values: ${actions.map((a) => `"${a}"`).join(', ')}`));
  else if (!actions.includes(rule.action)) errors.push(notSupported(`${path}.action`, rule.action, actions));
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  }
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes) errors.push(...validateExitCodes(rule.onExitCodes, containers, `${path}.onExitCodes`));
  for (const [i, condition] of conditions.entries()) {
    const at = `${path}.onPodConditions[${i}]`;
    errors.push(...validateQualifiedName(condition.type, `${at}.type`));
    const statuses = ['False', 'True', 'Unknown'];
    if (!statuses.includes(condition.status ?? ''))
      errors.push(notSupported(`${at}.status`, condition.status ?? '', statuses));
  }
  if (rule.onExitCodes && conditions.length > 0) {
    errors.push(invalid(path, rule, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!rule.onExitCodes && conditions.length === 0) {
    errors.push(invalid(path, rule, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function validateExitCodes(
  { operator, values, containerName }: PodFailurePolicyOnExitCodesRequirement,
  containers: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!operator) errors.push(required(`${path}.operator`, 'valid values: "In", "NotIn"'));
  else if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(notSupported(`${path}.operator`, operator, ['In', 'NotIn']));
  }
  if (containerName && !containers.has(containerName)) {
    const detail = `must be one of the container or initContainer names in the pod template`;
    errors.push(invalid(`${path}.containerName`, containerName, detail));
  }
  const at = `${path}.values`;
  const codes = values ?? [];
  if (codes.length === 0) errors.push(invalid(at, codes, 'at least one value is required'));
  if (codes.length > maxValues) {
    errors.push({
      type: 'TooMany',
      field: at,
      detail: `Too many: ${codes.length}: must have at most ${maxValues} items`,
    });
  }
  let isOrdered = true;
  const seen = new Set<number>();
  for (const [i, code] of codes.entries()) {
    if (operator === 'In' && code === 0) errors.push(invalid(`${at}[${i}]`, code, 'must not be 0 for the In operator'));
    if (seen.has(code)) errors.push(duplicate(`${at}[${i}]`, code));
    seen.add(code);
    if (i > 0 && code < codes[i - 1]!) isOrdered = false;
  }
  if (!isOrdered) errors.push(invalid(at, codes, 'must be ordered'));
  return errors;
}

const intervalPattern = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;

export function validateSuccessPolicy(spec: JobSpec, path: string): FieldError[] {
  if (spec.completionMode !== 'Indexed') {
    return [invalid(path, spec.successPolicy, 'requires indexed completion mode')];
  }
  const rules = spec.successPolicy?.rules ?? [];
  if (rules.length === 0)
    return [required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified')];
  const errors: FieldError[] = rules.length > maxRules ? [tooManyRules(`${path}.rules`, rules.length)] : [];
  for (const [i, { succeededCount, succeededIndexes }] of rules.entries()) {
    const at = `${path}.rules[${i}]`;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      errors.push(required(at, 'at least one of succeededCount or succeededIndexes must be specified'));
    }
    if (succeededIndexes !== undefined && !intervalPattern.test(succeededIndexes)) {
      errors.push(
        invalid(
          `${at}.succeededIndexes`,
          succeededIndexes,
          'error parsing succeededIndexes: must be a list of intervals',
        ),
      );
    }
    if (succeededCount === undefined) continue;
    if (succeededCount < 0)
      errors.push(invalid(`${at}.succeededCount`, succeededCount, 'must be greater than or equal to 0'));
    if (spec.completions !== undefined && succeededCount > spec.completions) {
      const detail = `must be less than or equal to ${spec.completions} (the number of specified completions)`;
      errors.push(invalid(`${at}.succeededCount`, succeededCount, detail));
    }
  }
  return errors;
}
