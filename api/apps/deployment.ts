// Deployment: replicas of a pod with controlled changes.
// Its controller makes one replica set for each template and moves the replicas between them.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind, replicasScale } from '../../machinery/kind.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import { conditionFields, labelSelector, objectFields } from '../../machinery/metadata.ts';
import { mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { setTemplateDefaults } from '../core/pod/defaults.ts';
import { podTemplateSpec } from '../core/pod/pod-template.ts';
import { warnOfTemplate } from '../core/pod/warnings.ts';
import { ageColumn, readyColumn, workloadColumns } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateDeployment, validateDeploymentStatus, validateDeploymentUpdate } from './deployment/validation.ts';

const rollingUpdateDeployment = s.api('apps.v1.RollingUpdateDeployment', 'Pace of a rolling update.', {
  maxSurge: s.intOrString('Pods above the desired number, as number or percentage.', { pointer: true }),
  maxUnavailable: s.intOrString('Pods that may be missing, as number or percentage.', { pointer: true }),
});
export interface RollingUpdateDeployment extends TypeOf<typeof rollingUpdateDeployment> {}

const deploymentStrategy = s.api('apps.v1.DeploymentStrategy', 'How new pods replace old ones.', {
  rollingUpdate: s.field(rollingUpdateDeployment, 'Settings of RollingUpdate.'),
  type: s.string('RollingUpdate or Recreate.', { default: 'RollingUpdate', enum: ['Recreate', 'RollingUpdate'] }),
});
export interface DeploymentStrategy extends TypeOf<typeof deploymentStrategy> {}

const deploymentSpec = s.api('apps.v1.DeploymentSpec', 'Desired state of a deployment.', {
  minReadySeconds: s.int32('Seconds a pod must be ready before it counts as available.'),
  paused: s.boolean('No roll-outs while true.'),
  progressDeadlineSeconds: s.int32('Seconds without progress after which the roll-out has failed.', {
    pointer: true,
    default: 600,
  }),
  replicas: s.int32('Desired number of pods.', { pointer: true, default: 1 }),
  revisionHistoryLimit: s.int32('Old replica sets to keep for rollbacks.', { pointer: true, default: 10 }),
  selector: s.field(labelSelector, 'Labels of its pods; cannot change.', { required: true }),
  strategy: s.field(deploymentStrategy, 'How new pods replace old ones.', {
    always: true,
    patchStrategy: 'retainKeys',
  }),
  template: s.field(podTemplateSpec, 'The pods.', mandatory),
});
export interface DeploymentSpec extends TypeOf<typeof deploymentSpec> {}

const deploymentCondition = s.api('apps.v1.DeploymentCondition', 'One aspect of the state of a deployment.', {
  lastUpdateTime: s.time('When it was last written.', { always: true }),
  ...conditionFields,
});
export interface DeploymentCondition extends TypeOf<typeof deploymentCondition> {}

const deploymentStatus = s.api('apps.v1.DeploymentStatus', 'Observed state of a deployment.', {
  availableReplicas: s.int32('Pods that are available.'),
  collisionCount: s.int32('Hash collisions so far; part of the next hash.', { pointer: true }),
  conditions: s.list(deploymentCondition, 'Available, Progressing, ReplicaFailure.', mergedBy('type')),
  observedGeneration: s.int64('The generation this status was computed from.'),
  readyReplicas: s.int32('Pods that are ready.'),
  replicas: s.int32('Pods that exist and are not terminating.'),
  terminatingReplicas: s.int32('Pods that are terminating.', { pointer: true }),
  unavailableReplicas: s.int32('Pods still missing or not available.'),
  updatedReplicas: s.int32('Pods of the current template.'),
});
export interface DeploymentStatus extends TypeOf<typeof deploymentStatus> {}

const schema = s.api('apps.v1.Deployment', 'Keeps replicas of a pod running and rolls out changes.', {
  ...objectFields,
  spec: s.field(deploymentSpec, 'What should run.', { always: true }),
  status: s.field(deploymentStatus, 'How far it is.', { always: true }),
});
export interface Deployment extends ObjectOf<typeof schema> {}

export const DeploymentKind = defineKind<Deployment>({
  kind: 'Deployment',
  plural: 'deployments',
  scope: 'Namespaced',
  shortNames: ['deploy'],
  categories: ['all'],
  served: [{ group: 'apps', version: 'v1', schema, setDefaults }],
  subresources: { status: true, scale: { ...replicasScale, selector: (o) => formatLabelSelector(o.spec.selector) } },
  hasGeneration: true,
  statusKeeps: ['labels'],
  // Annotations count: roll-outs are recorded in them.
  bumpsGeneration: (next, old) =>
    !jsonEqual(next.spec, old.spec) || !jsonEqual(next.metadata.annotations, old.metadata.annotations),
  columns: [
    readyColumn,
    column('Up-to-date', 'string', 'Pods of the current template.', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', 'string', 'Pods that are available.', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...workloadColumns,
  ],
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  validateStatusUpdate: validateDeploymentStatus,
  warnings: warnOfTemplate('spec.template'),
});

function setDefaults({ spec }: Deployment): void {
  setTemplateDefaults(spec.template);
  if (spec.strategy?.type !== 'RollingUpdate') return;
  spec.strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...spec.strategy.rollingUpdate };
}
