// Validation of daemon sets. Upstream: ValidateDaemonSet in pkg/apis/apps/validation.
import { append, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import {
  amountOf,
  isEmptySelector,
  showSelector,
  validateImmutableSelector,
  validateIntOrPercent,
  validateLabelSelector,
  validateNotAbove100Percent,
} from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import type { DaemonSet, DaemonSetSpec } from '../daemonset.ts';
import {
  showStrategy,
  validateCollisionCount,
  validateServingTemplate,
  validateTemplateLabels,
} from '../workload-validation.ts';

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors = validateLabelSelector(spec.selector, 'spec.selector');
  append(errors, validateTemplateLabels(spec.selector, spec.template, 'spec.template'));
  if (spec.selector && isEmptySelector(spec.selector)) {
    errors.push(invalid('spec.selector', showSelector(spec.selector), 'empty selector is invalid for daemonset'));
  }
  append(errors, validateServingTemplate(spec.template, 'DaemonSet'));
  append(errors, validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  append(errors, validateUpdateStrategy(spec));
  append(errors, validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'));
  return errors;
}

function validateUpdateStrategy({ updateStrategy }: DaemonSetSpec): FieldError[] {
  if (updateStrategy?.type === 'OnDelete') return [];
  if (updateStrategy?.type !== 'RollingUpdate') {
    return [notSupported('spec.updateStrategy', showStrategy(updateStrategy), ['RollingUpdate', 'OnDelete'])];
  }
  const at = 'spec.updateStrategy.rollingUpdate';
  if (!updateStrategy.rollingUpdate) return [required(at)];
  const { maxUnavailable = 0, maxSurge = 0 } = updateStrategy.rollingUpdate;
  const errors = validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`);
  append(errors, validateIntOrPercent(maxSurge, `${at}.maxSurge`));
  append(errors, validateNotAbove100Percent(maxUnavailable, `${at}.maxUnavailable`));
  append(errors, validateNotAbove100Percent(maxSurge, `${at}.maxSurge`));
  if (amountOf(maxUnavailable) !== 0 && amountOf(maxSurge) !== 0) {
    errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
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
  'collisionCount',
] as const;

export function validateDaemonSetStatus(next: DaemonSet, old: DaemonSet): FieldError[] {
  return [
    ...counters.flatMap((field) => validateNonNegative(next.status?.[field], `status.${field}`)),
    ...validateCollisionCount(next.status?.collisionCount, old.status?.collisionCount),
  ];
}
