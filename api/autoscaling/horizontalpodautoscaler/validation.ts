// Validation of autoscalers. Upstream: pkg/apis/autoscaling/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { isNegativeQuantity, isZeroQuantity } from '../../../machinery/quantity.ts';
import { validateContainerResourceName } from '../../core/resource-names.ts';
import { validateDNSLabel, validateOptionalWord } from '../../meta/checks.ts';
import { negativeText, validateNonNegative, validatePathSegment } from '../../meta/validation.ts';
import type { CrossVersionObjectReference, MetricIdentifier, MetricSpec, MetricTarget } from './metrics.ts';
import type { HorizontalPodAutoscaler, HPAScalingPolicy, HPAScalingRules } from './schema.ts';

const aboveZeroText = 'must be greater than 0';

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef: ref, metrics = [] } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  }
  if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, aboveZeroText));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  append(errors, validateReference(ref, 'spec.scaleTargetRef'));
  // What was wrong before may stay.
  const before = old?.spec.scaleTargetRef;
  if (before?.kind !== ref?.kind || before?.apiVersion !== ref?.apiVersion) {
    const needsGroup = ref?.kind !== 'ReplicationController';
    append(errors, validateApiVersion(ref?.apiVersion, needsGroup, 'spec.scaleTargetRef.apiVersion'));
  }
  const isVersionFree = old?.spec.metrics?.some(
    ({ type, object }) =>
      type === 'Object' && validateApiVersion(object?.describedObject?.apiVersion, false, '').length > 0,
  );
  for (const [i, metric] of metrics.entries()) {
    append(errors, validateMetric(metric, isVersionFree === true, `spec.metrics[${i}]`));
  }
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const rules = spec.behavior?.[direction];
    if (rules) append(errors, validateRules(rules, `spec.behavior.${direction}`));
  }
  return errors;
}

export function validateAutoscalerStatus({ status }: HorizontalPodAutoscaler): FieldError[] {
  return [
    ...validateNonNegative(status?.currentReplicas, 'status.currentReplicas'),
    ...validateNonNegative(status?.desiredReplicas, 'status.desiredReplicas'),
  ];
}

function validateReference(ref: CrossVersionObjectReference, path: string): FieldError[] {
  return (['kind', 'name'] as const).flatMap((field) => {
    const value = ref?.[field];
    return value ? validatePathSegment(value, `${path}.${field}`) : [required(`${path}.${field}`)];
  });
}

function validateApiVersion(version = '', needsGroup: boolean, path: string): FieldError[] {
  const parts = version === '/' ? [] : version.split('/');
  if (parts.length > 2) return [invalid(path, version, `unexpected GroupVersion string: ${version}`)];
  return needsGroup && !(parts.length === 2 && parts[0])
    ? [invalid(path, version, 'apiVersion must specify API group')]
    : [];
}

const sources = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const fieldOf = (type: string) => `${type.charAt(0).toLowerCase()}${type.slice(1)}`;

function validateMetric(metric: MetricSpec, isVersionFree: boolean, path: string): FieldError[] {
  const { type } = metric;
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${path}.type`, 'must specify a metric source type'));
  const unknown = notSupported(`${path}.type`, type, metricTypes);
  const isKnown = metricTypes.includes(type);
  if (!isKnown) errors.push(unknown);
  const present = sources.filter((source) => metric[source] !== undefined);
  if (present[0]) append(errors, validateSource(metric, present[0], isVersionFree, `${path}.${present[0]}`));
  const expected = isKnown ? fieldOf(type) : '';
  if (!isKnown) errors.push(unknown);
  else if (!present.some((source) => source === expected)) {
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  }
  if (present.length === 1) return errors;
  for (const source of present.filter((s) => s !== expected)) {
    errors.push(forbidden(`${path}.${source}`, 'must populate the given metric source only'));
  }
  return errors;
}

function validateSource(
  metric: MetricSpec,
  source: (typeof sources)[number],
  isVersionFree: boolean,
  path: string,
): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  switch (source) {
    case 'object':
      return [
        ...validateReference(object!.describedObject, `${path}.describedObject`),
        ...(isVersionFree
          ? []
          : validateApiVersion(object!.describedObject?.apiVersion, false, `${path}.describedObject.apiVersion`)),
        ...validateIdentified(object!, path),
        ...(object!.target.value === undefined && object!.target.averageValue === undefined
          ? [required(`${path}.target.averageValue`, 'must set either a target value or averageValue')]
          : []),
      ];
    case 'external':
      return [...validateIdentified(external!, path), ...validateExternalTarget(external!.target, `${path}.target`)];
    case 'pods':
      return [
        ...validateIdentified(pods!, path),
        ...(pods!.target.averageValue === undefined
          ? [required(`${path}.target.averageValue`, 'must specify a positive target averageValue')]
          : []),
      ];
    case 'resource':
      return validateResource(resource!, path);
    case 'containerResource': {
      const { container, name } = containerResource!;
      const at = `${path}.container`;
      const wrong = name ? validateContainerResourceName(name, `${path}.name`) : [];
      append(wrong, container ? validateDNSLabel(container, at) : [required(at, 'must specify a container')]);
      return validateResource(containerResource!, path, wrong);
    }
  }
}

function validateIdentified({ metric, target }: { metric: MetricIdentifier; target: MetricTarget }, path: string) {
  const at = `${path}.metric.name`;
  return [
    ...(metric.name ? validatePathSegment(metric.name, at) : [required(at, 'must specify a metric name')]),
    ...validateTarget(target, `${path}.target`),
  ];
}

function validateExternalTarget({ value, averageValue }: MetricTarget, path: string): FieldError[] {
  if (value === undefined && averageValue === undefined) {
    const detail = 'must set either a target value for metric or a per-pod target';
    return [required(`${path}.averageValue`, detail)];
  }
  if (value === undefined || averageValue === undefined) return [];
  return [forbidden(`${path}.value`, 'may not set both a target value for metric and a per-pod target')];
}

/** `others`: what is wrong where it is that of a container. */
function validateResource(
  { name, target }: { name: string; target: MetricTarget },
  path: string,
  others: readonly FieldError[] = [],
): FieldError[] {
  const errors = name ? [...others] : [required(`${path}.name`, 'must specify a resource name'), ...others];
  append(errors, validateTarget(target, `${path}.target`));
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${path}.target.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target raw value and a target utilization';
    errors.push(forbidden(`${path}.target.averageValue`, detail));
  }
  return errors;
}

const isPositive = (amount: string) => !isNegativeQuantity(amount) && !isZeroQuantity(amount);

function validateTarget({ type, value, averageValue, averageUtilization }: MetricTarget, path: string): FieldError[] {
  const errors: FieldError[] = type ? [] : [required(`${path}.type`, 'must specify a metric target type')];
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    errors.push(invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const [field, amount] of Object.entries({ value, averageValue })) {
    if (amount !== undefined && !isPositive(amount))
      errors.push(invalid(`${path}.${field}`, amount, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, aboveZeroText));
  }
  return errors;
}

const maxWindowSeconds = 3600;
const maxPeriodSeconds = 1800;

function validateRules(rules: HPAScalingRules, path: string): FieldError[] {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const errors: FieldError[] = [];
  const at = `${path}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) errors.push(invalid(at, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > maxWindowSeconds) {
    errors.push(invalid(at, window, `must be less than or equal to ${maxWindowSeconds}`));
  }
  append(errors, validateOptionalWord(selectPolicy, ['Disabled', 'Max', 'Min'], `${path}.selectPolicy`));
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [i, policy] of policies.entries()) append(errors, validatePolicy(policy, `${path}.policies[${i}]`));
  if (tolerance !== undefined && isNegativeQuantity(tolerance)) {
    errors.push(invalid(`${path}.tolerance`, tolerance, negativeText));
  }
  return errors;
}

function validatePolicy({ type, value, periodSeconds }: HPAScalingPolicy, path: string): FieldError[] {
  const errors = validateOptionalWord(type, ['Percent', 'Pods'], `${path}.type`);
  if (value <= 0) errors.push(invalid(`${path}.value`, value, 'must be greater than zero'));
  if (periodSeconds <= 0) errors.push(invalid(`${path}.periodSeconds`, periodSeconds, 'must be greater than zero'));
  if (periodSeconds > maxPeriodSeconds) {
    const detail = `must be less than or equal to ${maxPeriodSeconds}`;
    errors.push(invalid(`${path}.periodSeconds`, periodSeconds, detail));
  }
  return errors;
}
