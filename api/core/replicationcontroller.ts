// ReplicationController: a number of equal pods; the older form of ReplicaSet.
// https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/
import { append, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { sortKeys } from '../../machinery/go-json.ts';
import { type Column, column, defineKind, replicasScale } from '../../machinery/kind.ts';
import { formatLabels } from '../../machinery/labels.ts';
import { conditionOf, objectFields } from '../../machinery/metadata.ts';
import { mandatory, mergedBy, s } from '../../machinery/schema.ts';
import { validateReplicaCounts, validateServingTemplate } from '../apps/workload-validation.ts';
import { ageColumn, workloadColumns } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateNonNegative } from '../meta/validation.ts';
import { setTemplateDefaults } from './pod/defaults.ts';
import { podTemplateSpec } from './pod/pod-template.ts';
import { warnOfTemplate } from './pod/warnings.ts';

const spec = s.api('core.v1.ReplicationControllerSpec', 'Desired state of a replication controller.', {
  minReadySeconds: s.int32('Seconds a pod must be ready before it counts as available.'),
  replicas: s.int32('Desired number of pods.', { pointer: true, default: 1 }),
  selector: s.map(s.string(''), "Labels of its pods; the template's when empty.", { mapType: 'atomic' }),
  template: s.field(podTemplateSpec, 'The pods.'),
});

const replicationControllerCondition = conditionOf(
  'core.v1.ReplicationControllerCondition',
  'a replication controller',
);

const status = s.api('core.v1.ReplicationControllerStatus', 'Observed state of a replication controller.', {
  availableReplicas: s.int32('Pods that are available.'),
  conditions: s.list(replicationControllerCondition, 'ReplicaFailure.', mergedBy('type')),
  fullyLabeledReplicas: s.int32('Pods that have all labels of the template.'),
  observedGeneration: s.int64('The generation this status was computed from.'),
  readyReplicas: s.int32('Pods that are ready.'),
  replicas: s.int32('Pods that exist.', mandatory),
});

const schema = s.api('core.v1.ReplicationController', 'Keeps a number of equal pods running; an older ReplicaSet.', {
  ...objectFields,
  spec: s.field(spec, 'What should run.', { always: true }),
  status: s.field(status, 'How far it is.', { always: true }),
});
export interface ReplicationController extends ObjectOf<typeof schema> {}

export const ReplicationControllerKind = defineKind<ReplicationController>({
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  scope: 'Namespaced',
  shortNames: ['rc'],
  categories: ['all'],
  served: [{ group: '', version: 'v1', schema, setDefaults }],
  subresources: { status: true, scale: { ...replicasScale, selector: (o) => showSelector(o.spec.selector) } },
  hasGeneration: true,
  orphansByDefault: true,
  prepareForCreate: (controller) => {
    controller.status = { replicas: 0 };
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    column('Desired', 'integer', 'Pods there should be.', ({ spec }) => spec.replicas ?? 0),
    column('Current', 'integer', 'Pods there are.', ({ status }) => status?.replicas ?? 0),
    column('Ready', 'integer', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    ...workloadColumns.map(
      (column): Column<ReplicationController> => ({
        ...column,
        cell: ({ spec }, context) =>
          column.name === 'Selector'
            ? formatLabels(spec.selector)
            : column.cell({ spec: { ...(spec.template && { template: spec.template }) } }, context),
      }),
    ),
  ],
  validate,
  validateStatusUpdate: ({ status }) => validateReplicaCounts(status),
  warnings: warnOfTemplate('spec.template'),
});

/** The labels of the template are the selector, and the controller's own, where it says nothing of them. */
function setDefaults(controller: ReplicationController): void {
  const { spec, metadata } = controller;
  setTemplateDefaults(spec.template);
  const labels = spec.template?.metadata?.labels;
  if (!labels) return;
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

const showSelector = (selector: Readonly<Record<string, string>> | undefined) =>
  Object.entries(sortKeys(selector) ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function validate({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template } = spec;
  const errors = validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds');
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
  append(errors, validateNonNegative(spec.replicas, 'spec.replicas'));
  const labels = template?.metadata?.labels ?? {};
  if (template && Object.entries(selector).some(([key, value]) => labels[key] !== value)) {
    const detail = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', sortKeys(template.metadata?.labels), detail));
  }
  append(errors, validateServingTemplate(template, 'ReplicationController'));
  return errors;
}
