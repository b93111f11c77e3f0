// Scale: the number of replicas of a workload.
// Spoken only by the scale subresources, so that autoscalers need not know the kinds they scale.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/scale-v1/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateNonNegative } from '../meta/validation.ts';

const scaleSpec = s.api('autoscaling.v1.ScaleSpec', 'Desired number of replicas.', {
  replicas: s.int32('Desired number.'),
});

const scaleStatus = s.api('autoscaling.v1.ScaleStatus', 'Observed number of replicas.', {
  replicas: s.int32('Number of pods.', mandatory),
  selector: s.string('Labels of the pods in text form.'),
});

const schema = s.api('autoscaling.v1.Scale', 'The number of replicas of a workload.', {
  ...objectFields,
  spec: s.field(scaleSpec, 'Desired number.', { always: true }),
  status: s.field(scaleStatus, 'Observed number.', { always: true }),
});
export interface Scale extends ObjectOf<typeof schema> {}

export const ScaleKind = defineKind<Scale>({
  kind: 'Scale',
  plural: 'scales',
  scope: 'Namespaced',
  verbs: ['create'],
  stored: false,
  served: [{ group: 'autoscaling', version: 'v1', schema }],
  validate: (scale) => validateNonNegative(scale.spec.replicas, 'spec.replicas'),
});
