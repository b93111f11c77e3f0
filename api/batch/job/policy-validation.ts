// Validation of a job's failure and success policies. Upstream: pkg/apis/batch/validation.
import {
  append,
  duplicate,
  type FieldError,
  invalid,
  invalidAsWhole,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../../../machinery/field-error.ts';
import { validateQualifiedName } from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import { countIndexes, readIndexRuns } from './indexes.ts';
import type { PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule } from './pod-failure-policy.ts';
import type { JobSpec } from './schema.ts';

const maxRules = 20;
const maxPatterns = 20;
const maxValues = 255;
const maxIndexesLength = 64 * 1024;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

const limitCount = (list: readonly unknown[], max: number, path: string): FieldError[] =>
  list.length > max ? [tooMany(path, list.length, max)] : [];

/** A word that has no default; where it is missing, the words are told. */
function validateChoice(value: string | undefined, words: readonly string[], path: string): FieldError[] {
  if (!value) return [required(path, `valid values: [${words.map((word) => `"${word}"`).join(' ')}]`)];
  return words.includes(value) ? [] : [notSupported(path, value, words)];
}

export function validatePodFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const errors = limitCount(rules, maxRules, `${path}.rules`);
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...(containers ?? []), ...(initContainers ?? [])].map((container) => container.name));
  for (const [i, rule] of rules.entries()) append(errors, validateRule(rule, spec, names, `${path}.rules[${i}]`));
  return errors;
}

function validateRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  containers: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors = validateChoice(rule.action, actions, `${path}.action`);
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  }
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes) append(errors, validateExitCodes(rule.onExitCodes, containers, `${path}.onExitCodes`));
  append(errors, limitCount(conditions, maxPatterns, `${path}.onPodConditions`));
  for (const [i, condition] of conditions.entries()) {
    const at = `${path}.onPodConditions[${i}]`;
    append(errors, validateQualifiedName(condition.type, `${at}.type`));
    append(errors, validateChoice(condition.status, ['False', 'True', 'Unknown'], `${at}.status`));
  }
  if (rule.onExitCodes && conditions.length > 0) {
    errors.push(invalidAsWhole(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!rule.onExitCodes && conditions.length === 0) {
    errors.push(invalidAsWhole(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function validateExitCodes(
  { operator, values, containerName }: PodFailurePolicyOnExitCodesRequirement,
  containers: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors = validateChoice(operator, ['In', 'NotIn'], `${path}.operator`);
  if (containerName !== undefined && !containers.has(containerName)) {
    const detail = `must be one of the container or initContainer names in the pod template`;
    errors.push(invalid(`${path}.containerName`, containerName, detail));
  }
  const at = `${path}.values`;
  const codes = values ?? [];
  if (codes.length === 0) errors.push(invalid(at, codes, 'at least one value is required'));
  append(errors, limitCount(codes, maxValues, at));
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

export function validateSuccessPolicy(spec: JobSpec, path: string): FieldError[] {
  if (spec.completionMode !== 'Indexed') return [invalid(path, spec.successPolicy, 'requires indexed completion mode')];
  const rules = spec.successPolicy?.rules ?? [];
  const errors = limitCount(rules, maxRules, `${path}.rules`);
  if (rules.length === 0) {
    errors.push(required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified'));
  }
  const { completions = Number.POSITIVE_INFINITY } = spec;
  for (const [i, { succeededCount, succeededIndexes }] of rules.entries()) {
    const at = `${path}.rules[${i}]`;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      errors.push(required(at, 'at least one of succeededCount or succeededIndexes must be specified'));
    }
    const runs = readIndexRuns(succeededIndexes ?? '', completions);
    if ((succeededIndexes?.length ?? 0) > maxIndexesLength) {
      errors.push(tooLong(`${at}.succeededIndexes`, maxIndexesLength));
    }
    if (typeof runs === 'string') {
      errors.push(invalid(`${at}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${runs}`));
    }
    if (succeededCount === undefined) continue;
    append(errors, validateNonNegative(succeededCount, `${at}.succeededCount`));
    const limit = (max: number, what: string) => {
      const detail = `must be less than or equal to ${max} (the number of ${what})`;
      if (succeededCount > max) errors.push(invalid(`${at}.succeededCount`, succeededCount, detail));
    };
    limit(completions, 'specified completions');
    if (succeededIndexes !== undefined) {
      limit(typeof runs === 'string' ? 0 : countIndexes(runs), 'indexes in the specified succeededIndexes field');
    }
  }
  return errors;
}
