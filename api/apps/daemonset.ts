// DaemonSet: one pod on every node that fits.

import { defineKind } from '../../machinery/kind.ts';
import { labelSelector, objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import { podTemplateSpec } from '../core/pod/pod-template.ts';
import type { ObjectOf } from '../meta/object.ts';

export const rollingUpdateDaemonSet = s.object(
  'io.k8s.api.apps.v1.RollingUpdateDaemonSet',
  'Pace of a rolling update.',
  {
    maxSurge: s.intOrString('Nodes that may run an old and a new pod, as number or percentage.', { pointer: true }),
    maxUnavailable: s.intOrString('Nodes that may be without a pod, as number or percentage.', { pointer: true }),
  },
);
export interface RollingUpdateDaemonSet extends TypeOf<typeof rollingUpdateDaemonSet> {}

export const daemonSetUpdateStrategy = s.object(
  'io.k8s.api.apps.v1.DaemonSetUpdateStrategy',
  'How new pods replace old ones.',
  {
    rollingUpdate: s.field(rollingUpdateDaemonSet, 'Settings of RollingUpdate.'),
    type: s.string('RollingUpdate or OnDelete.', { default: 'RollingUpdate', enum: ['OnDelete', 'RollingUpdate'] }),
  },
);
export interface DaemonSetUpdateStrategy extends TypeOf<typeof daemonSetUpdateStrategy> {}

export const daemonSetSpec = s.object('io.k8s.api.apps.v1.DaemonSetSpec', 'Desired state of a daemon set.', {
  minReadySeconds: s.int32('Seconds a pod must be ready before it counts as available.'),
  revisionHistoryLimit: s.int32('Old revisions to keep for rollbacks.', { pointer: true, default: 10 }),
  selector: s.field(labelSelector, 'Labels of its pods; cannot change.', { required: true }),
  template: s.field(podTemplateSpec, 'The pods.', { required: true, always: true }),
  updateStrategy: s.field(daemonSetUpdateStrategy, 'How new pods replace old ones.', { always: true }),
});
export interface DaemonSetSpec extends TypeOf<typeof daemonSetSpec> {}

export const daemonSetCondition = s.object(
  'io.k8s.api.apps.v1.DaemonSetCondition',
  'One aspect of the state of a daemon set.',
  {
    lastTransitionTime: s.time('When the status last changed.', { always: true }),
    message: s.string('Explanation for people.'),
    reason: s.string('One word for programs.'),
    status: s.string('True, False or Unknown.', { required: true, always: true }),
    type: s.string('Name of the condition.', { required: true, always: true }),
  },
);
export interface DaemonSetCondition extends TypeOf<typeof daemonSetCondition> {}

export const daemonSetStatus = s.object('io.k8s.api.apps.v1.DaemonSetStatus', 'Observed state of a daemon set.', {
  collisionCount: s.int32('Hash collisions so far; part of the next hash.', { pointer: true }),
  conditions: s.list(daemonSetCondition, 'State of the daemon set.', {
    listType: 'map',
    listMapKeys: ['type'],
    patchStrategy: 'merge',
    patchMergeKey: 'type',
  }),
  currentNumberScheduled: s.int32('Nodes that run the pod and should.', { required: true, always: true }),
  desiredNumberScheduled: s.int32('Nodes that should run the pod.', { required: true, always: true }),
  numberAvailable: s.int32('Nodes with an available pod.'),
  numberMisscheduled: s.int32('Nodes that run the pod and should not.', { required: true, always: true }),
  numberReady: s.int32('Nodes with a ready pod.', { required: true, always: true }),
  numberUnavailable: s.int32('Nodes that should have an available pod and have none.'),
  observedGeneration: s.int64('The generation this status was computed from.'),
  updatedNumberScheduled: s.int32('Nodes that run the current template.'),
});
export interface DaemonSetStatus extends TypeOf<typeof daemonSetStatus> {}

export const daemonSetSchema = s.object('io.k8s.api.apps.v1.DaemonSet', 'Runs one pod on every node that fits.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
  spec: s.field(daemonSetSpec, 'What should run.', { always: true }),
  status: s.field(daemonSetStatus, 'How far it is.', { always: true }),
});
export interface DaemonSet extends ObjectOf<typeof daemonSetSchema> {}

export const DaemonSetKind = defineKind<DaemonSet>({
  kind: 'DaemonSet',
  plural: 'daemonsets',
  scope: 'Namespaced',
  shortNames: ['ds'],
  categories: ['all'],
  served: [{ group: 'apps', version: 'v1', schema: daemonSetSchema }],
  subresources: { status: true },
});
