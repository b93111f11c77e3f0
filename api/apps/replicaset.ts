// ReplicaSet: a number of equal pods.
// Mostly made by deployments.
// https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
import type { FieldError } from '../../machinery/field-error.ts';
import { column, defineKind, replicasScale } from '../../machinery/kind.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import { conditionOf, labelSelector, objectFields } from '../../machinery/metadata.ts';
import { mandatory, mergedBy, s } from '../../machinery/schema.ts';
import { setTemplateDefaults } from '../core/pod/defaults.ts';
import { podTemplateSpec } from '../core/pod/pod-template.ts';
import { warnOfTemplate } from '../core/pod/warnings.ts';
import { validateImmutableSelector } from '../meta/checks.ts';
import { ageColumn, workloadColumns } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateNonNegative } from '../meta/validation.ts';
import { validateReplicaCounts, validateSelection, validateServingTemplate } from './workload-validation.ts';

const replicaSetSpec = s.api('apps.v1.ReplicaSetSpec', 'Desired state of a replica set.', {
  minReadySeconds: s.int32('Seconds a pod must be ready before it counts as available.'),
  replicas: s.int32('Desired number of pods.', { pointer: true, default: 1 }),
  selector: s.field(labelSelector, 'Labels of its pods; cannot change.', { required: true }),
  template: s.field(podTemplateSpec, 'The pods.', { always: true }),
});

const replicaSetCondition = conditionOf('apps.v1.ReplicaSetCondition', 'a replica set');

const replicaSetStatus = s.api('apps.v1.ReplicaSetStatus', 'Observed state of a replica set.', {
  availableReplicas: s.int32('Pods that are available.'),
  conditions: s.list(replicaSetCondition, 'ReplicaFailure.', mergedBy('type')),
  fullyLabeledReplicas: s.int32('Pods that have all labels of the template.'),
  observedGeneration: s.int64('The generation this status was computed from.'),
  readyReplicas: s.int32('Pods that are ready.'),
  replicas: s.int32('Pods that exist and are not terminating.', mandatory),
  terminatingReplicas: s.int32('Pods that are terminating.', { pointer: true }),
});

const schema = s.api('apps.v1.ReplicaSet', 'Keeps a number of equal pods running.', {
  ...objectFields,
  spec: s.field(replicaSetSpec, 'What should run.', { always: true }),
  status: s.field(replicaSetStatus, 'How far it is.', { always: true }),
});
export interface ReplicaSet extends ObjectOf<typeof schema> {}

export const ReplicaSetKind = defineKind<ReplicaSet>({
  kind: 'ReplicaSet',
  plural: 'replicasets',
  scope: 'Namespaced',
  shortNames: ['rs'],
  categories: ['all'],
  served: [
    { group: 'apps', version: 'v1', schema, setDefaults: ({ spec }: ReplicaSet) => setTemplateDefaults(spec.template) },
  ],
  subresources: { status: true, scale: { ...replicasScale, selector: (o) => formatLabelSelector(o.spec.selector) } },
  hasGeneration: true,
  prepareForCreate: (set) => {
    set.status = { replicas: 0 };
  },
  selectableFields: { 'status.replicas': (set) => String(set.status?.replicas ?? 0) },
  columns: [
    column('Desired', 'integer', 'Pods there should be.', ({ spec }) => spec.replicas ?? 0),
    column('Current', 'integer', 'Pods there are.', ({ status }) => status?.replicas ?? 0),
    column('Ready', 'integer', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    ...workloadColumns,
  ],
  validate,
  validateUpdate: (next, old) => validateImmutableSelector(next.spec.selector, old.spec.selector, 'spec.selector'),
  validateStatusUpdate: (next) => validateReplicaCounts(next.status),
  warnings: warnOfTemplate('spec.template'),
});

function validate({ spec }: ReplicaSet): FieldError[] {
  return [
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    // Upstream says deployment here as well.
    ...validateSelection(spec, 'deployment'),
    ...validateServingTemplate(spec.template, 'ReplicaSet'),
  ];
}
