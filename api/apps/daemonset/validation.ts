// Validation of daemon sets. Upstream: ValidateDaemonSet in pkg/apis/apps/validation.
import { type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import {
  isEmptySelector,
  showSelector,
  validateImmutableSelector,
  validateIntOrPercent,
  validateLabelSelector,
  validateNotAbove100Percent,
} from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import type { DaemonSet, DaemonSetSpec } from '../daemonset.ts';
import { validateCollisionCount, validateServingTemplate, validateTemplateLabels } from '../workload-validation.ts';

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors = validateLabelSelector(spec.selector, 'spec.selector');
  errors.push(...validateTemplateLabels(spec.selector, spec.template, 'spec.template'));
  if (spec.selector && isEmptySelector(spec.selector)) {
    errors.push(invalid('spec.selector', showSelector(spec.selector), 'empty selector is invalid for daemonset'));
  }
  errors.push(...validateServingTemplate(spec.template, 'DaemonSet', 'spec.template'));
  errors.push(...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  errors.push(...validateUpdateStrategy(spec, 'spec.updateStrategy'));
  errors.push(...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'));
  return errors;
}

const isPositive = (value: number | string) => value !== 0 && value !== '0%';

function validateUpdateStrategy({ updateStrategy }: DaemonSetSpec, path: string): FieldError[] {
  if (updateStrategy?.type === 'OnDelete') return [];
  if (updateStrategy?.type !== 'RollingUpdate') {
    return [notSupported(path, updateStrategy?.type, ['RollingUpdate', 'OnDelete'])];
  }
  const at = `${path}.rollingUpdate`;
  if (!updateStrategy.rollingUpdate) return [required(at)];
  const { maxUnavailable = 0, maxSurge = 0 } = updateStrategy.rollingUpdate;
  const errors = validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`);
  errors.push(...validateIntOrPercent(maxSurge, `${at}.maxSurge`));
  if (isPositive(maxUnavailable) && isPositive(maxSurge)) {
    errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (!isPositive(maxUnavailable) && !isPositive(maxSurge)) {
    errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  errors.push(...validateNotAbove100Percent(maxUnavailable, `${at}.maxUnavailable`));
  errors.push(...validateNotAbove100Percent(maxSurge, `${at}.maxSurge`));
  return errors;
}

export function validateDaemonSetUpdate(next: DaemonSet, old: DaemonSet): FieldError[] {
  return validateImmutableSelector(next.spec.selector, old.spec.selector, 'spec.selector');
}

const counters = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
] as const;

export function validateDaemonSetStatus(next: DaemonSet, old: DaemonSet): FieldError[] {
  return [
    ...counters.flatMap((field) => validateNonNegative(next.status?.[field], `status.${field}`)),
    ...validateCollisionCount(next.status?.collisionCount, old.status?.collisionCount, 'status.collisionCount'),
  ];
}
