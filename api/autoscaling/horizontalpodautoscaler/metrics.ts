// What an autoscaler measures, and what it has measured.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
import { labelSelector } from '../../../machinery/metadata.ts';
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

export const crossVersionObjectReference = s.api(
  'autoscaling.v2.CrossVersionObjectReference',
  'Names an object of the namespace.',
  {
    apiVersion: s.string('API version of the object.'),
    kind: s.string('Kind of the object.', mandatory),
    name: s.string('Name of the object.', mandatory),
  },
);
export interface CrossVersionObjectReference extends TypeOf<typeof crossVersionObjectReference> {}

const metricIdentifier = s.api('autoscaling.v2.MetricIdentifier', 'Names a metric.', {
  name: s.string('Name of the metric.', mandatory),
  selector: s.field(labelSelector, 'Labels of its series.'),
});
export interface MetricIdentifier extends TypeOf<typeof metricIdentifier> {}

const metricTarget = s.api('autoscaling.v2.MetricTarget', 'What a metric should be.', {
  averageUtilization: s.int32('In percent of the requests, on average.', { pointer: true }),
  averageValue: s.quantity('By pod, on average.', { pointer: true }),
  type: s.string('Utilization, Value or AverageValue.', mandatory),
  value: s.quantity('As a whole.', { pointer: true }),
});
export interface MetricTarget extends TypeOf<typeof metricTarget> {}

const metricValueStatus = s.api('autoscaling.v2.MetricValueStatus', 'What a metric is.', {
  averageUtilization: s.int32('In percent of the requests, on average.', { pointer: true }),
  averageValue: s.quantity('By pod, on average.', { pointer: true }),
  value: s.quantity('As a whole.', { pointer: true }),
});
export interface MetricValueStatus extends TypeOf<typeof metricValueStatus> {}

const containerSource = s.api(
  'autoscaling.v2.ContainerResourceMetricSource',
  'A resource of a container, and its target.',
  {
    container: s.string('Name of the container.', mandatory),
    name: s.string('Name of the resource.', mandatory),
    target: s.field(metricTarget, 'What it should be.', mandatory),
  },
);

const externalSource = s.api('autoscaling.v2.ExternalMetricSource', 'A metric of something outside, and its target.', {
  metric: s.field(metricIdentifier, 'The metric.', mandatory),
  target: s.field(metricTarget, 'What it should be.', mandatory),
});

const objectMetricSource = s.api('autoscaling.v2.ObjectMetricSource', 'A metric of one object, and its target.', {
  describedObject: s.field(crossVersionObjectReference, 'The object.', mandatory),
  metric: s.field(metricIdentifier, 'The metric.', mandatory),
  target: s.field(metricTarget, 'What it should be.', mandatory),
});

const podsMetricSource = s.api('autoscaling.v2.PodsMetricSource', 'A metric of each pod, and its target.', {
  metric: s.field(metricIdentifier, 'The metric.', mandatory),
  target: s.field(metricTarget, 'What it should be.', mandatory),
});

const resourceMetricSource = s.api('autoscaling.v2.ResourceMetricSource', 'A resource of each pod, and its target.', {
  name: s.string('Name of the resource.', mandatory),
  target: s.field(metricTarget, 'What it should be.', mandatory),
});

export const metricSpec = s.api('autoscaling.v2.MetricSpec', 'One thing that is measured.', {
  containerResource: s.field(containerSource, 'A resource of one container.'),
  external: s.field(externalSource, 'A metric of something outside the cluster.'),
  object: s.field(objectMetricSource, 'A metric of one object.'),
  pods: s.field(podsMetricSource, 'A metric of each pod.'),
  resource: s.field(resourceMetricSource, 'A resource of each pod.'),
  type: s.string('Which of the fields it is: ContainerResource, External, Object, Pods or Resource.', mandatory),
});
export interface MetricSpec extends TypeOf<typeof metricSpec> {}

const containerStatus = s.api('autoscaling.v2.ContainerResourceMetricStatus', 'A resource of a container, measured.', {
  container: s.string('Name of the container.', mandatory),
  current: s.field(metricValueStatus, 'What it is.', mandatory),
  name: s.string('Name of the resource.', mandatory),
});

const externalStatus = s.api('autoscaling.v2.ExternalMetricStatus', 'A metric of something outside, as measured.', {
  current: s.field(metricValueStatus, 'What it is.', mandatory),
  metric: s.field(metricIdentifier, 'The metric.', mandatory),
});

const objectMetricStatus = s.api('autoscaling.v2.ObjectMetricStatus', 'A metric of one object, as measured.', {
  current: s.field(metricValueStatus, 'What it is.', mandatory),
  describedObject: s.field(crossVersionObjectReference, 'The object.', mandatory),
  metric: s.field(metricIdentifier, 'The metric.', mandatory),
});

const podsMetricStatus = s.api('autoscaling.v2.PodsMetricStatus', 'A metric of each pod, as measured.', {
  current: s.field(metricValueStatus, 'What it is.', mandatory),
  metric: s.field(metricIdentifier, 'The metric.', mandatory),
});

const resourceMetricStatus = s.api('autoscaling.v2.ResourceMetricStatus', 'A resource of each pod, as measured.', {
  current: s.field(metricValueStatus, 'What it is.', mandatory),
  name: s.string('Name of the resource.', mandatory),
});

export const metricStatus = s.api('autoscaling.v2.MetricStatus', 'One thing that was measured.', {
  containerResource: s.field(containerStatus, 'A resource of one container.'),
  external: s.field(externalStatus, 'A metric of something outside the cluster.'),
  object: s.field(objectMetricStatus, 'A metric of one object.'),
  pods: s.field(podsMetricStatus, 'A metric of each pod.'),
  resource: s.field(resourceMetricStatus, 'A resource of each pod.'),
  type: s.string('Which of the fields it is.', mandatory),
});
export interface MetricStatus extends TypeOf<typeof metricStatus> {}
