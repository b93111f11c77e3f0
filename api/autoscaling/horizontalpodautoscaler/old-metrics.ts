// Metrics in the format that they have inside the annotations of autoscaling/v1: one flat field for each thing.
// Upstream: the MetricSpec and MetricStatus of k8s.io/api/autoscaling/v1.
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from './metrics.ts';

type Loose = any;

/** Fields in the order in which Go writes them; what is not there is left out. */
function withoutAbsent(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const referenceOf = ({ kind, name, apiVersion }: Loose) => withoutAbsent({ kind, name, apiVersion });

export function toOldMetric({ type, object, pods, resource, containerResource, external }: MetricSpec): object {
  return withoutAbsent({
    type,
    object: object && {
      target: referenceOf(object.describedObject),
      metricName: object.metric.name,
      targetValue: object.target.value ?? '0',
      ...withoutAbsent({ selector: object.metric.selector, averageValue: object.target.averageValue }),
    },
    pods: pods && {
      metricName: pods.metric.name,
      targetAverageValue: pods.target.averageValue ?? '0',
      ...withoutAbsent({ selector: pods.metric.selector }),
    },
    resource: resource && toOldResource(resource),
    containerResource: containerResource && {
      ...toOldResource(containerResource),
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric.name,
      ...withoutAbsent({
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
    },
  });
}

function toOldResource({ name, target }: { name: string; target: MetricTarget }): object {
  const { averageUtilization, averageValue } = target;
  return { name, ...withoutAbsent({ targetAverageUtilization: averageUtilization, targetAverageValue: averageValue }) };
}

export function toOldStatus({ type, object, pods, resource, containerResource, external }: MetricStatus): object {
  return withoutAbsent({
    type,
    object: object && {
      target: referenceOf(object.describedObject),
      metricName: object.metric.name,
      currentValue: object.current.value ?? '0',
      ...withoutAbsent({ selector: object.metric.selector, averageValue: object.current.averageValue }),
    },
    pods: pods && {
      metricName: pods.metric.name,
      currentAverageValue: pods.current.averageValue ?? '0',
      ...withoutAbsent({ selector: pods.metric.selector }),
    },
    resource: resource && toOldResourceStatus(resource),
    containerResource: containerResource && {
      ...toOldResourceStatus(containerResource),
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric.name,
      ...withoutAbsent({ metricSelector: external.metric.selector }),
      currentValue: external.current.value ?? '0',
      ...withoutAbsent({ currentAverageValue: external.current.averageValue }),
    },
  });
}

function toOldResourceStatus({ name, current }: { name: string; current: MetricValueStatus }): object {
  const { averageUtilization, averageValue = '0' } = current;
  return {
    name,
    ...withoutAbsent({ currentAverageUtilization: averageUtilization }),
    currentAverageValue: averageValue,
  };
}

/** An amount that is always written is a zero where there was none. */
const unlessZero = (amount: unknown) => (amount === '0' ? undefined : amount);

/** In the shape of a MetricSpec; whether it is one is for decoding to say. */
export function fromOldMetric({ type, object, pods, resource, containerResource, external }: Loose): object {
  return withoutAbsent({
    type,
    object: object && {
      describedObject: object.target,
      metric: { name: object.metricName, selector: object.selector },
      target: {
        type: object.averageValue === undefined ? 'Value' : 'AverageValue',
        value: unlessZero(object.targetValue),
        averageValue: object.averageValue,
      },
    },
    pods: pods && {
      metric: { name: pods.metricName, selector: pods.selector },
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    },
    resource: resource && fromOldResource(resource),
    containerResource: containerResource && {
      ...fromOldResource(containerResource),
      container: containerResource.container,
    },
    external: external && {
      metric: { name: external.metricName, selector: external.metricSelector },
      target: {
        type: external.targetValue === undefined ? 'AverageValue' : 'Value',
        value: external.targetValue,
        averageValue: external.targetAverageValue,
      },
    },
  });
}

function fromOldResource({ name, targetAverageUtilization, targetAverageValue }: Loose): object {
  const type = targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization';
  return { name, target: { type, averageUtilization: targetAverageUtilization, averageValue: targetAverageValue } };
}

/** In the shape of a MetricStatus. */
export function fromOldStatus({ type, object, pods, resource, containerResource, external }: Loose): object {
  return withoutAbsent({
    type,
    object: object && {
      describedObject: object.target,
      metric: { name: object.metricName, selector: object.selector },
      current: { value: unlessZero(object.currentValue), averageValue: object.averageValue },
    },
    pods: pods && {
      metric: { name: pods.metricName, selector: pods.selector },
      current: { averageValue: pods.currentAverageValue },
    },
    resource: resource && fromOldResourceStatus(resource),
    containerResource: containerResource && {
      ...fromOldResourceStatus(containerResource),
      container: containerResource.container,
    },
    external: external && {
      metric: { name: external.metricName, selector: external.metricSelector },
      current: { value: unlessZero(external.currentValue), averageValue: external.currentAverageValue },
    },
  });
}

function fromOldResourceStatus({ name, currentAverageUtilization, currentAverageValue }: Loose): object {
  return { name, current: { averageUtilization: currentAverageUtilization, averageValue: currentAverageValue } };
}
