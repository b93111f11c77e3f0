// What a job is: pods that run until enough of them succeed.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/
import { conditionFields, labelSelector, objectFields } from '../../../machinery/metadata.ts';
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { podTemplateSpec } from '../../core/pod/pod-template.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { podFailurePolicy, successPolicy } from './pod-failure-policy.ts';

export const jobSpec = s.api('batch.v1.JobSpec', 'Desired state of a job.', {
  activeDeadlineSeconds: s.int64('Seconds after which the job fails.', { pointer: true }),
  backoffLimit: s.int32('Failed pods after which the job fails.', { pointer: true }),
  backoffLimitPerIndex: s.int32('Failures of one index after which the index fails.', { pointer: true }),
  completionMode: s.string('NonIndexed, or Indexed to number the pods.', {
    pointer: true,
    enum: ['Indexed', 'NonIndexed'],
  }),
  completions: s.int32('Successes that complete the job.', { pointer: true }),
  managedBy: s.string('Controller that runs the job, if not the built-in one.', { pointer: true }),
  manualSelector: s.boolean('Use the given selector and labels instead of generated ones.', { pointer: true }),
  maxFailedIndexes: s.int32('Failed indexes after which the job fails.', { pointer: true }),
  parallelism: s.int32('Most pods at a time.', { pointer: true }),
  podFailurePolicy: s.field(podFailurePolicy, 'What failures mean.'),
  podReplacementPolicy: s.string('When a pod is replaced: TerminatingOrFailed or Failed.', {
    pointer: true,
    enum: ['Failed', 'TerminatingOrFailed'],
  }),
  selector: s.field(labelSelector, 'Labels of its pods; generated.'),
  successPolicy: s.field(successPolicy, 'Indexes whose success is enough.'),
  suspend: s.boolean('No pods run while true.', { pointer: true }),
  template: s.field(podTemplateSpec, 'The pods.', mandatory),
  ttlSecondsAfterFinished: s.int32('Seconds after its end at which the job is deleted.', { pointer: true }),
});
export interface JobSpec extends TypeOf<typeof jobSpec> {}

const jobCondition = s.api('batch.v1.JobCondition', 'One aspect of the state of a job.', {
  lastProbeTime: s.time('When it was last checked.', { always: true }),
  ...conditionFields,
});
export interface JobCondition extends TypeOf<typeof jobCondition> {}

export const uncountedTerminatedPods = s.api('batch.v1.UncountedTerminatedPods', 'Finished pods not counted yet.', {
  failed: s.list(s.string(''), 'UIDs of failed pods.', { listType: 'set' }),
  succeeded: s.list(s.string(''), 'UIDs of succeeded pods.', { listType: 'set' }),
});

const jobStatus = s.api('batch.v1.JobStatus', 'Observed state of a job.', {
  active: s.int32('Pods that run or wait.'),
  completedIndexes: s.string('Indexes that succeeded, 0,2-4.'),
  completionTime: s.time('When it completed.'),
  conditions: s.list(jobCondition, 'Complete, Failed, Suspended and so on.', {
    listType: 'atomic',
    patchStrategy: 'merge',
    patchMergeKey: 'type',
  }),
  failed: s.int32('Pods that failed.'),
  failedIndexes: s.string('Indexes that failed.', { pointer: true }),
  ready: s.int32('Active pods that are ready.', { pointer: true }),
  startTime: s.time('When the job started.'),
  succeeded: s.int32('Pods that succeeded.'),
  terminating: s.int32('Pods that are being ended.', { pointer: true }),
  uncountedTerminatedPods: s.field(uncountedTerminatedPods, 'Finished pods not yet in the counters.'),
});
export interface JobStatus extends TypeOf<typeof jobStatus> {}

export const jobSchema = s.api('batch.v1.Job', 'Runs pods until enough of them succeed.', {
  ...objectFields,
  spec: s.field(jobSpec, 'What should run.', { always: true }),
  status: s.field(jobStatus, 'How far it is.', { always: true }),
});
export interface Job extends ObjectOf<typeof jobSchema> {}
