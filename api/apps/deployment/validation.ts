// Validation of deployments. Upstream: ValidateDeployment in pkg/apis/apps/validation.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
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
  errors.push(...validateSelection(spec, 'deployment', 'spec'));
  errors.push(...validateServingTemplate(spec.template, 'ReplicaSet', 'spec.template'));
  errors.push(...validateStrategy(spec, 'spec.strategy'));
  errors.push(...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  errors.push(...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'));
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined) {
    errors.push(...validateNonNegative(deadline, 'spec.progressDeadlineSeconds'));
    if (deadline <= (spec.minReadySeconds ?? 0)) {
      errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
    }
  }
  return errors;
}

function validateStrategy({ strategy }: DeploymentSpec, path: string): FieldError[] {
  if (strategy?.type === 'Recreate') {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    return strategy.rollingUpdate ? [forbidden(`${path}.rollingUpdate`, detail)] : [];
  }
  if (strategy?.type !== 'RollingUpdate') {
    return [notSupported(path, showStrategy(strategy), ['Recreate', 'RollingUpdate'])];
  }
  if (!strategy.rollingUpdate) {
    return [required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')];
  }
  return validateRollingUpdate(strategy.rollingUpdate, `${path}.rollingUpdate`);
}

function validateRollingUpdate({ maxSurge = 0, maxUnavailable = 0 }: RollingUpdateDeployment, path: string) {
  const errors = validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`);
  errors.push(...validateIntOrPercent(maxSurge, `${path}.maxSurge`));
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  errors.push(...validateNotAbove100Percent(maxUnavailable, `${path}.maxUnavailable`));
  return errors;
}

export function validateDeploymentUpdate(next: Deployment, old: Deployment): FieldError[] {
  return validateImmutableSelector(next.spec.selector, old.spec.selector, 'spec.selector');
}

export function validateDeploymentStatus(next: Deployment, old: Deployment): FieldError[] {
  return [
    ...validateReplicaCounts(next.status, 'status'),
    ...validateCollisionCount(next.status?.collisionCount, old.status?.collisionCount, 'status.collisionCount'),
  ];
}
