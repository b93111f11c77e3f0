// Between autoscaling/v2, in which autoscalers are kept, and v1, which has fields for CPU alone. All else lies in
// annotations of the v1 form, in formats that Kubernetes has kept since they were alpha.
// Upstream: pkg/apis/autoscaling/v1/conversion.go.
import { DecodeError, decodeValue } from '../../../machinery/decode.ts';
import { isObject } from '../../../machinery/json.ts';
import { readJson, TextError } from '../../../machinery/json-reader.ts';
import type { ObjectMeta } from '../../../machinery/metadata.ts';
import { type AnySchema, s } from '../../../machinery/schema.ts';
import { cpuMetric, defaultMetrics } from './defaults.ts';
import { type MetricSpec, type MetricStatus, metricSpec, metricStatus } from './metrics.ts';
import { fromOldMetric, fromOldStatus, toOldMetric, toOldStatus } from './old-metrics.ts';
import {
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerCondition,
  type HPAScalingRules,
  horizontalPodAutoscalerBehavior,
  horizontalPodAutoscalerCondition,
} from './schema.ts';
import type { HorizontalPodAutoscalerV1 } from './v1.ts';

const annotations = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
} as const;
const annotationKeys: readonly string[] = Object.values(annotations);

const isCPU = ({ type, resource }: MetricSpec | MetricStatus) => type === 'Resource' && resource?.name === 'cpu';
const isCPUPercent = (metric: MetricSpec) => isCPU(metric) && metric.resource?.target.averageUtilization !== undefined;

function withAnnotations(metadata: ObjectMeta, added: Readonly<Record<string, string>>): ObjectMeta {
  const kept = Object.entries(metadata.annotations ?? {}).filter(([key]) => !annotationKeys.includes(key));
  const { annotations: _, ...rest } = metadata;
  const all = { ...Object.fromEntries(kept), ...added };
  return Object.keys(all).length > 0 ? { ...rest, annotations: all } : rest;
}

export function toV1({ metadata, spec, status }: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const { metrics = [], behavior, ...plain } = spec;
  const { conditions = [], currentMetrics, currentReplicas = 0, ...plainStatus } = status ?? { desiredReplicas: 0 };
  const others = metrics.filter((metric) => !isCPUPercent(metric));
  const added: Record<string, string> = {};
  if (others.length > 0) added[annotations.metrics] = JSON.stringify(others.map(toOldMetric));
  const measured = (currentMetrics as MetricStatus[] | null | undefined) ?? [];
  if (measured.length > 0) added[annotations.currentMetrics] = JSON.stringify(measured.map(toOldStatus));
  if (behavior) {
    const { scaleUp, scaleDown } = behavior;
    const shown = { ScaleUp: toInternalRules(scaleUp), ScaleDown: toInternalRules(scaleDown) };
    added[annotations.behavior] = JSON.stringify(shown);
  }
  if (conditions.length > 0) added[annotations.conditions] = JSON.stringify(conditions.map(inGoOrder));
  // Of the metrics for CPU the first counts, whatever it says.
  const target = metrics.find(isCPU)?.resource?.target.averageUtilization;
  const current = measured.findLast(isCPU)?.resource?.current.averageUtilization;
  return {
    metadata: withAnnotations(metadata, added),
    spec: { ...plain, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      ...plainStatus,
      currentReplicas,
      ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
    },
  };
}

const inGoOrder = ({ type, status, lastTransitionTime, reason, message }: HorizontalPodAutoscalerCondition) => ({
  type,
  status,
  lastTransitionTime,
  ...(reason && { reason }),
  ...(message && { message }),
});

/** Rules of one direction as the annotation has them: the server's internal type. */
function toInternalRules(rules: HPAScalingRules | undefined): object | null {
  if (!rules) return null;
  const { stabilizationWindowSeconds = null, selectPolicy = null, policies, tolerance = null } = rules;
  return {
    StabilizationWindowSeconds: stabilizationWindowSeconds,
    SelectPolicy: selectPolicy,
    Policies:
      policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ??
      null,
    Tolerance: tolerance,
  };
}

/** `ScaleUp` to `scaleUp`, in all depths. */
function withLowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withLowerKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [`${key.charAt(0).toLowerCase()}${key.slice(1)}`, withLowerKeys(item)]),
  );
}

/** What an annotation holds, by its schema; undefined where it holds something else, as if it were not there. */
function readAnnotation<T>(
  text: string | undefined,
  schema: AnySchema,
  translate: (value: unknown) => unknown,
): T | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeValue(schema, translate(readJson(text).value), { defaults: false }).value as T;
  } catch (err) {
    if (err instanceof DecodeError || err instanceof TextError) return undefined;
    throw err;
  }
}

const listOf = (fn: (item: object) => object) => (value: unknown) =>
  Array.isArray(value) ? value.map((item) => (isObject(item) ? fn(item) : item)) : value;
const metricList = s.list(metricSpec, '');
const statusList = s.list(metricStatus, '');
const conditionList = s.list(horizontalPodAutoscalerCondition, '');

export function fromV1({ metadata, spec, status }: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const { targetCPUUtilizationPercentage: target, ...plain } = spec;
  const { currentCPUUtilizationPercentage: current, ...plainStatus } = status ?? { desiredReplicas: 0 };
  const said = metadata.annotations ?? {};
  const others = readAnnotation<MetricSpec[]>(said[annotations.metrics], metricList, listOf(fromOldMetric)) ?? [];
  const metrics = [...others, ...(target === undefined ? [] : [cpuMetric(target)])];
  const behavior = readAnnotation<object>(said[annotations.behavior], horizontalPodAutoscalerBehavior, withLowerKeys);
  const measured =
    readAnnotation<MetricStatus[]>(said[annotations.currentMetrics], statusList, listOf(fromOldStatus)) ??
    (current === undefined
      ? null
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]);
  const conditions = readAnnotation<HorizontalPodAutoscalerCondition[]>(
    said[annotations.conditions],
    conditionList,
    (value) => value,
  );
  return {
    metadata: withAnnotations(metadata, {}),
    spec: {
      ...plain,
      metrics: metrics.length > 0 ? metrics : defaultMetrics(),
      ...(behavior && Object.keys(behavior).length > 0 ? { behavior } : {}),
    },
    status: {
      ...plainStatus,
      currentMetrics: measured as MetricStatus[],
      ...(conditions?.length ? { conditions } : {}),
    },
  };
}
