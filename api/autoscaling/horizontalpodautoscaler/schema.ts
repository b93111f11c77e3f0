// What an autoscaler is, in the version it is kept in.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
import { conditionOf, objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { crossVersionObjectReference, metricSpec, metricStatus } from './metrics.ts';

const hpaScalingPolicy = s.api('autoscaling.v2.HPAScalingPolicy', 'How much at a time.', {
  periodSeconds: s.int32('The time, in seconds.', mandatory),
  type: s.string('Pods or Percent.', mandatory),
  value: s.int32('How much.', mandatory),
});
export interface HPAScalingPolicy extends TypeOf<typeof hpaScalingPolicy> {}

const hpaScalingRules = s.api('autoscaling.v2.HPAScalingRules', 'Pace in one direction.', {
  policies: s.list(hpaScalingPolicy, 'How much at a time.', atomic),
  selectPolicy: s.string('Max, Min or Disabled: which policy decides.', { pointer: true }),
  stabilizationWindowSeconds: s.int32('Seconds of earlier decisions that count.', { pointer: true }),
  tolerance: s.quantity('Deviation from the target that changes nothing.', { pointer: true }),
});
export interface HPAScalingRules extends TypeOf<typeof hpaScalingRules> {}

export const horizontalPodAutoscalerBehavior = s.api(
  'autoscaling.v2.HorizontalPodAutoscalerBehavior',
  'Pace of growing and shrinking.',
  {
    scaleDown: s.field(hpaScalingRules, 'Pace of shrinking.'),
    scaleUp: s.field(hpaScalingRules, 'Pace of growing.'),
  },
);
export interface HorizontalPodAutoscalerBehavior extends TypeOf<typeof horizontalPodAutoscalerBehavior> {}

const spec = s.api('autoscaling.v2.HorizontalPodAutoscalerSpec', 'Desired behaviour of an autoscaler.', {
  behavior: s.field(horizontalPodAutoscalerBehavior, 'Pace of growing and shrinking.'),
  maxReplicas: s.int32('Most replicas.', mandatory),
  metrics: s.list(metricSpec, 'What is measured; the metric that asks for most decides.', atomic),
  minReplicas: s.int32('Least replicas.', { pointer: true, default: 1 }),
  scaleTargetRef: s.field(crossVersionObjectReference, 'The object to scale.', mandatory),
});

export const horizontalPodAutoscalerCondition = conditionOf(
  'autoscaling.v2.HorizontalPodAutoscalerCondition',
  'an autoscaler',
);
export interface HorizontalPodAutoscalerCondition extends TypeOf<typeof horizontalPodAutoscalerCondition> {}

const status = s.api('autoscaling.v2.HorizontalPodAutoscalerStatus', 'Observed state of an autoscaler.', {
  conditions: s.list(horizontalPodAutoscalerCondition, 'AbleToScale, ScalingActive, ScalingLimited.', mergedBy('type')),
  currentMetrics: s.list(metricStatus, 'What was measured last.', { always: true, listType: 'atomic' }),
  currentReplicas: s.int32('Replicas there are.'),
  desiredReplicas: s.int32('Replicas that were decided on.', mandatory),
  lastScaleTime: s.time('When it last scaled.'),
  observedGeneration: s.int64('The generation this status was computed from.', { pointer: true }),
});
export interface HorizontalPodAutoscalerStatus extends TypeOf<typeof status> {}

export const horizontalPodAutoscalerSchema = s.api(
  'autoscaling.v2.HorizontalPodAutoscaler',
  'Changes the number of replicas by what is measured.',
  {
    ...objectFields,
    spec: s.field(spec, 'What to scale, and by what.', mandatory),
    status: s.field(status, 'What was measured and decided.', { always: true }),
  },
);
export interface HorizontalPodAutoscaler extends ObjectOf<typeof horizontalPodAutoscalerSchema> {}
