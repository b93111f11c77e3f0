// What a stateful set is: pods with numbers, and claims for each of them.
// https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
import { conditionOf, labelSelector, objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import { persistentVolumeClaimSchema } from '../../core/persistentvolumeclaim/schema.ts';
import { podTemplateSpec } from '../../core/pod/pod-template.ts';
import type { ObjectOf } from '../../meta/object.ts';

const rollingUpdate = s.api('apps.v1.RollingUpdateStatefulSetStrategy', 'Pace of a rolling update.', {
  maxUnavailable: s.intOrString('Pods that may be missing, as number or percentage.', { pointer: true }),
  partition: s.int32('Pods with a lower number keep the old template.', { pointer: true }),
});
export interface RollingUpdateStatefulSetStrategy extends TypeOf<typeof rollingUpdate> {}

const statefulSetUpdateStrategy = s.api('apps.v1.StatefulSetUpdateStrategy', 'How new pods replace old ones.', {
  rollingUpdate: s.field(rollingUpdate, 'Settings of RollingUpdate.'),
  type: s.string('RollingUpdate or OnDelete.', { enum: ['OnDelete', 'RollingUpdate'] }),
});

const statefulSetOrdinals = s.api('apps.v1.StatefulSetOrdinals', 'How the pods are numbered.', {
  start: s.int32('Number of the first pod.', { always: true }),
});

const claimRetention = s.api('apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy', 'What becomes of the claims.', {
  whenDeleted: s.string('Retain or Delete, when the set is deleted.', { default: 'Retain' }),
  whenScaled: s.string('Retain or Delete, when the set shrinks.', { default: 'Retain' }),
});

const statefulSetSpec = s.api('apps.v1.StatefulSetSpec', 'Desired state of a stateful set.', {
  minReadySeconds: s.int32('Seconds a pod must be ready before it counts as available.'),
  ordinals: s.field(statefulSetOrdinals, 'How the pods are numbered.'),
  persistentVolumeClaimRetentionPolicy: s.field(claimRetention, 'What becomes of the claims.'),
  podManagementPolicy: s.string('OrderedReady, or Parallel to start and end pods side by side.', {
    default: 'OrderedReady',
    enum: ['OrderedReady', 'Parallel'],
  }),
  replicas: s.int32('Desired number of pods.', { pointer: true, default: 1 }),
  revisionHistoryLimit: s.int32('Old revisions to keep for rollbacks.', { pointer: true, default: 10 }),
  selector: s.field(labelSelector, 'Labels of its pods; cannot change.', { required: true }),
  serviceName: s.string('Service that gives the pods their names.', { always: true }),
  template: s.field(podTemplateSpec, 'The pods.', mandatory),
  updateStrategy: s.field(statefulSetUpdateStrategy, 'How new pods replace old ones.', { always: true }),
  volumeClaimTemplates: s.list(persistentVolumeClaimSchema, 'Claims that each pod gets.', atomic),
});
export interface StatefulSetSpec extends TypeOf<typeof statefulSetSpec> {}

const statefulSetCondition = conditionOf('apps.v1.StatefulSetCondition', 'a stateful set');

const statefulSetStatus = s.api('apps.v1.StatefulSetStatus', 'Observed state of a stateful set.', {
  availableReplicas: s.int32('Pods that are available.', { always: true }),
  collisionCount: s.int32('Hash collisions so far; part of the next hash.', { pointer: true }),
  conditions: s.list(statefulSetCondition, 'State of the set.', mergedBy('type')),
  currentReplicas: s.int32('Pods of the current revision.'),
  currentRevision: s.string('The revision of pods not yet updated.'),
  observedGeneration: s.int64('The generation this status was computed from.'),
  readyReplicas: s.int32('Pods that are ready.'),
  replicas: s.int32('Pods that exist.', mandatory),
  updateRevision: s.string('The revision of updated pods.'),
  updatedReplicas: s.int32('Pods of the update revision.'),
});

export const statefulSetSchema = s.api('apps.v1.StatefulSet', 'Pods with names, order and volumes of their own.', {
  ...objectFields,
  spec: s.field(statefulSetSpec, 'What should run.', { always: true }),
  status: s.field(statefulSetStatus, 'How far it is.', { always: true }),
});
export interface StatefulSet extends ObjectOf<typeof statefulSetSchema> {}
