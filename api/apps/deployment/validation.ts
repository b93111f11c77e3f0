// Validation of deployments. Upstream: ValidateDeployment in pkg/apis/apps/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import {
  amountOf,
  validateImmutableSelector,
  validateIntOrPercent,
  validateNotAbove100Percent,
} from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import type { Deployment, DeploymentSpec, RollingUpdateDeployment } from '../deployment.ts';
import {
  showStrategy,
  validateCollisionCount,
  validateReplicaCounts,
  validateSelection,
  validateServingTemplate,
} from '../workload-validation.ts';

export function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors = validateNonNegative(spec.replicas, 'spec.replicas');
  append(errors, validateSelection(spec, 'deployment'));
  append(errors, validateServingTemplate(spec.template, 'ReplicaSet'));
  append(errors, validateStrategy(spec));
  append(errors, validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  append(errors, validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'));
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined) {
    append(errors, validateNonNegative(deadline, 'spec.progressDeadlineSeconds'));
    if (deadline <= (spec.minReadySeconds ?? 0)) {
      errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
    }
  }
  return errors;
}

function validateStrategy({ strategy }: DeploymentSpec): FieldError[] {
  if (strategy?.type === 'Recreate') {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    return strategy.rollingUpdate ? [forbidden('spec.strategy.rollingUpdate', detail)] : [];
  }
  if (strategy?.type !== 'RollingUpdate') {
    return [notSupported('spec.strategy', showStrategy(strategy), ['Recreate', 'RollingUpdate'])];
  }
  if (!strategy.rollingUpdate) {
    return [required('spec.strategy.rollingUpdate', 'this should be defaulted and never be nil')];
  }
  return validateRollingUpdate(strategy.rollingUpdate, 'spec.strategy.rollingUpdate');
}

function validateRollingUpdate({ maxSurge = 0, maxUnavailable = 0 }: RollingUpdateDeployment, path: string) {
  const errors = validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`);
  append(errors, validateIntOrPercent(maxSurge, `${path}.maxSurge`));
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  append(errors, validateNotAbove100Percent(maxUnavailable, `${path}.maxUnavailable`));
  return errors;
}

export function validateDeploymentUpdate(next: Deployment, old: Deployment): FieldError[] {
  return validateImmutableSelector(next.spec.selector, old.spec.selector, 'spec.selector');
}

export function validateDeploymentStatus(next: Deployment, old: Deployment): FieldError[] {
  return [
    ...validateReplicaCounts(next.status),
    ...validateCollisionCount(next.status?.collisionCount, old.status?.collisionCount),
  ];
}
