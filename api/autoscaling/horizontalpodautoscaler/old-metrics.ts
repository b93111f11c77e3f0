// Metrics in the format that they have inside the annotations of autoscaling/v1: one flat field for each thing.
// Upstream: the MetricSpec and MetricStatus of k8s.io/api/autoscaling/v1.
import type { MetricSpec, MetricStatus } from './metrics.ts';

type Loose = any;

/** What a metric should be, and what it is: the field that holds it, and how the names of the flat ones begin. */
type Side = 'target' | 'current';

const namesOf = (side: Side) => [`${side}Value`, `${side}AverageValue`, `${side}AverageUtilization`] as const;

/** Fields in the order in which Go writes them; what is not there is left out. */
function withoutAbsent(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const referenceOf = ({ kind, name, apiVersion }: Loose) => withoutAbsent({ kind, name, apiVersion });

export const toOldMetric: (metric: MetricSpec) => object = toOld('target');
export const toOldStatus: (status: MetricStatus) => object = toOld('current');

function toOld(side: Side) {
  const [value, average, utilization] = namesOf(side);
  // What is measured is always written, also where it is nothing.
  const written = (amount: string | undefined) => amount ?? (side === 'current' ? '0' : undefined);
  const toOldResource = ({ name, [side]: of, container }: Loose) =>
    withoutAbsent({ name, [utilization]: of.averageUtilization, [average]: written(of.averageValue), container });
  return ({ type, object, pods, resource, containerResource, external }: Loose): object =>
    withoutAbsent({
      type,
      object:
        object &&
        withoutAbsent({
          target: referenceOf(object.describedObject),
          metricName: object.metric.name,
          [value]: object[side].value ?? '0',
          selector: object.metric.selector,
          averageValue: object[side].averageValue,
        }),
      pods:
        pods &&
        withoutAbsent({
          metricName: pods.metric.name,
          [average]: pods[side].averageValue ?? '0',
          selector: pods.metric.selector,
        }),
      resource: resource && toOldResource(resource),
      containerResource: containerResource && toOldResource(containerResource),
      external:
        external &&
        withoutAbsent({
          metricName: external.metric.name,
          metricSelector: external.metric.selector,
          [value]: written(external[side].value),
          [average]: external[side].averageValue,
        }),
    });
}

/** An amount that is always written is a zero where there was none. */
const unlessZero = (amount: unknown) => (amount === '0' ? undefined : amount);

/** In the shape of a MetricSpec; whether it is one is for decoding to say. */
export const fromOldMetric = fromOld('target');
/** In the shape of a MetricStatus. */
export const fromOldStatus = fromOld('current');

function fromOld(side: Side) {
  const [value, average, utilization] = namesOf(side);
  const amounts = (type: string, of: object) => ({ [side]: { ...(side === 'target' && { type }), ...of } });
  const fromOldResource = ({ name, container, [utilization]: averageUtilization, [average]: averageValue }: Loose) => ({
    name,
    ...amounts(averageUtilization === undefined ? 'AverageValue' : 'Utilization', { averageUtilization, averageValue }),
    container,
  });
  return ({ type, object, pods, resource, containerResource, external }: Loose): object =>
    withoutAbsent({
      type,
      object: object && {
        describedObject: object.target,
        metric: { name: object.metricName, selector: object.selector },
        ...amounts(object.averageValue === undefined ? 'Value' : 'AverageValue', {
          value: unlessZero(object[value]),
          averageValue: object.averageValue,
        }),
      },
      pods: pods && {
        metric: { name: pods.metricName, selector: pods.selector },
        ...amounts('AverageValue', { averageValue: pods[average] }),
      },
      resource: resource && fromOldResource(resource),
      containerResource: containerResource && fromOldResource(containerResource),
      external: external && {
        metric: { name: external.metricName, selector: external.metricSelector },
        ...amounts(external[value] === undefined ? 'AverageValue' : 'Value', {
          value: side === 'target' ? external[value] : unlessZero(external[value]),
          averageValue: external[average],
        }),
      },
    });
}
