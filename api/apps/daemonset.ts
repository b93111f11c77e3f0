// DaemonSet: one pod on every node that fits.
// https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { formatLabels } from '../../machinery/labels.ts';
import { conditionOf, labelSelector, objectFields } from '../../machinery/metadata.ts';
import { mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { setTemplateDefaults } from '../core/pod/defaults.ts';
import { podTemplateSpec } from '../core/pod/pod-template.ts';
import { warnOfTemplate } from '../core/pod/warnings.ts';
import { ageColumn, workloadColumns } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateDaemonSet, validateDaemonSetStatus, validateDaemonSetUpdate } from './daemonset/validation.ts';

const rollingUpdateDaemonSet = s.api('apps.v1.RollingUpdateDaemonSet', 'Pace of a rolling update.', {
  maxSurge: s.intOrString('Nodes that may run an old and a new pod, as number or percentage.', { pointer: true }),
  maxUnavailable: s.intOrString('Nodes that may be without a pod, as number or percentage.', { pointer: true }),
});

const daemonSetUpdateStrategy = s.api('apps.v1.DaemonSetUpdateStrategy', 'How new pods replace old ones.', {
  rollingUpdate: s.field(rollingUpdateDaemonSet, 'Settings of RollingUpdate.'),
  type: s.string('RollingUpdate or OnDelete.', { default: 'RollingUpdate', enum: ['OnDelete', 'RollingUpdate'] }),
});

const daemonSetSpec = s.api('apps.v1.DaemonSetSpec', 'Desired state of a daemon set.', {
  minReadySeconds: s.int32('Seconds a pod must be ready before it counts as available.'),
  revisionHistoryLimit: s.int32('Old revisions to keep for rollbacks.', { pointer: true, default: 10 }),
  selector: s.field(labelSelector, 'Labels of its pods; cannot change.', { required: true }),
  template: s.field(podTemplateSpec, 'The pods.', mandatory),
  updateStrategy: s.field(daemonSetUpdateStrategy, 'How new pods replace old ones.', { always: true }),
});
export interface DaemonSetSpec extends TypeOf<typeof daemonSetSpec> {}

const daemonSetCondition = conditionOf('apps.v1.DaemonSetCondition', 'a daemon set');

const daemonSetStatus = s.api('apps.v1.DaemonSetStatus', 'Observed state of a daemon set.', {
  collisionCount: s.int32('Hash collisions so far; part of the next hash.', { pointer: true }),
  conditions: s.list(daemonSetCondition, 'State of the daemon set.', mergedBy('type')),
  currentNumberScheduled: s.int32('Nodes that run the pod and should.', mandatory),
  desiredNumberScheduled: s.int32('Nodes that should run the pod.', mandatory),
  numberAvailable: s.int32('Nodes with an available pod.'),
  numberMisscheduled: s.int32('Nodes that run the pod and should not.', mandatory),
  numberReady: s.int32('Nodes with a ready pod.', mandatory),
  numberUnavailable: s.int32('Nodes that should have an available pod and have none.'),
  observedGeneration: s.int64('The generation this status was computed from.'),
  updatedNumberScheduled: s.int32('Nodes that run the current template.'),
});

const schema = s.api('apps.v1.DaemonSet', 'Runs one pod on every node that fits.', {
  ...objectFields,
  spec: s.field(daemonSetSpec, 'What should run.', { always: true }),
  status: s.field(daemonSetStatus, 'How far it is.', { always: true }),
});
export interface DaemonSet extends ObjectOf<typeof schema> {}

export const DaemonSetKind = defineKind<DaemonSet>({
  kind: 'DaemonSet',
  plural: 'daemonsets',
  scope: 'Namespaced',
  shortNames: ['ds'],
  categories: ['all'],
  served: [{ group: 'apps', version: 'v1', schema, setDefaults }],
  subresources: { status: true },
  hasGeneration: true,
  prepareForCreate: (set) => {
    setTemplateGeneration(set, 1);
    set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  },
  prepareForUpdate: (next, old) => {
    const generation = templateGenerationOf(old);
    setTemplateGeneration(next, jsonEqual(next.spec.template, old.spec.template) ? generation : generation + 1);
  },
  columns: [
    column('Desired', 'integer', 'Nodes that should run the pod.', ({ status }) => status?.desiredNumberScheduled ?? 0),
    column(
      'Current',
      'integer',
      'Nodes that run the pod and should.',
      ({ status }) => status?.currentNumberScheduled ?? 0,
    ),
    column('Ready', 'integer', 'Nodes with a ready pod.', ({ status }) => status?.numberReady ?? 0),
    column(
      'Up-to-date',
      'integer',
      'Nodes that run the current template.',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
    ),
    column('Available', 'integer', 'Nodes with an available pod.', ({ status }) => status?.numberAvailable ?? 0),
    column('Node Selector', 'string', 'Labels of the nodes it runs on.', ({ spec }) =>
      formatLabels(spec.template?.spec?.nodeSelector),
    ),
    ageColumn,
    ...workloadColumns,
  ],
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  validateStatusUpdate: validateDaemonSetStatus,
  warnings: warnOfTemplate('spec.template', { ofName: false }),
});

function setDefaults(set: DaemonSet): void {
  const { spec } = set;
  // As if a client had said it: it is the field of who leaves it out.
  if (set.metadata?.annotations?.[templateGenerationAnnotation] === undefined) setTemplateGeneration(set, 0);
  setTemplateDefaults(spec.template);
  if (spec.updateStrategy?.type !== 'RollingUpdate') return;
  spec.updateStrategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...spec.updateStrategy.rollingUpdate };
}

// The number of the template lives on in an annotation, from before there were revisions.
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';

function templateGenerationOf(set: DaemonSet): number {
  return Number(set.metadata.annotations?.[templateGenerationAnnotation] ?? 0);
}

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [templateGenerationAnnotation]: String(generation) };
}
