// The older form of an autoscaler, which knows of CPU alone; the rest is in annotations.
import { objectFields } from '../../../machinery/metadata.ts';
import { mandatory, s } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';

const reference = s.atomic('autoscaling.v1.CrossVersionObjectReference', 'Names an object of the namespace.', {
  apiVersion: s.string('API version of the object.'),
  kind: s.string('Kind of the object.', mandatory),
  name: s.string('Name of the object.', mandatory),
});

const spec = s.api('autoscaling.v1.HorizontalPodAutoscalerSpec', 'Desired behaviour of an autoscaler.', {
  maxReplicas: s.int32('Most replicas.', mandatory),
  minReplicas: s.int32('Least replicas.', { pointer: true, default: 1 }),
  scaleTargetRef: s.field(reference, 'The object to scale.', mandatory),
  targetCPUUtilizationPercentage: s.int32('Use of CPU to keep, in percent of the requests.', { pointer: true }),
});

const status = s.api('autoscaling.v1.HorizontalPodAutoscalerStatus', 'Observed state of an autoscaler.', {
  currentCPUUtilizationPercentage: s.int32('Use of CPU, in percent of the requests.', { pointer: true }),
  currentReplicas: s.int32('Replicas there are.', mandatory),
  desiredReplicas: s.int32('Replicas that were decided on.', mandatory),
  lastScaleTime: s.time('When it last scaled.'),
  observedGeneration: s.int64('The generation this status was computed from.', { pointer: true }),
});

export const horizontalPodAutoscalerSchemaV1 = s.api(
  'autoscaling.v1.HorizontalPodAutoscaler',
  'Changes the number of replicas by what is measured.',
  {
    ...objectFields,
    spec: s.field(spec, 'What to scale, and by what.', mandatory),
    status: s.field(status, 'What was measured and decided.', { always: true }),
  },
);
export interface HorizontalPodAutoscalerV1 extends ObjectOf<typeof horizontalPodAutoscalerSchemaV1> {}
