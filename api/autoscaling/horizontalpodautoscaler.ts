// HorizontalPodAutoscaler: changes the number of replicas of a workload by what is measured.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
import { defineKind } from '../../machinery/kind.ts';
import { autoscalerColumns } from './horizontalpodautoscaler/columns.ts';
import { fromV1, toV1 } from './horizontalpodautoscaler/conversion.ts';
import { setAutoscalerDefaults } from './horizontalpodautoscaler/defaults.ts';
import { type HorizontalPodAutoscaler, horizontalPodAutoscalerSchema } from './horizontalpodautoscaler/schema.ts';
import { horizontalPodAutoscalerSchemaV1 } from './horizontalpodautoscaler/v1.ts';
import { validateAutoscaler, validateAutoscalerStatus } from './horizontalpodautoscaler/validation.ts';

export const HorizontalPodAutoscalerKind = defineKind<HorizontalPodAutoscaler>({
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  scope: 'Namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
  served: [
    { group: 'autoscaling', version: 'v2', schema: horizontalPodAutoscalerSchema, setDefaults: setAutoscalerDefaults },
    {
      group: 'autoscaling',
      version: 'v1',
      schema: horizontalPodAutoscalerSchemaV1,
      toStorage: fromV1,
      fromStorage: toV1,
    },
  ],
  subresources: { status: true },
  columns: autoscalerColumns,
  validate: validateAutoscaler,
  validateStatusUpdate: validateAutoscalerStatus,
});
