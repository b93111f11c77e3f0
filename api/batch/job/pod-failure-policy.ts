// What failures and successes of single pods mean for a job.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

const onExitCodes = s.api('batch.v1.PodFailurePolicyOnExitCodesRequirement', 'A set of exit codes.', {
  containerName: s.string('Only of this container.', { pointer: true }),
  operator: s.string('In or NotIn.', { ...mandatory, enum: ['In', 'NotIn'] }),
  values: s.list(s.int32(''), 'The exit codes.', { ...mandatory, listType: 'set' }),
});
export interface PodFailurePolicyOnExitCodesRequirement extends TypeOf<typeof onExitCodes> {}

const onPodConditions = s.api('batch.v1.PodFailurePolicyOnPodConditionsPattern', 'A pod condition.', {
  status: s.string('Status it must have.', { always: true, default: 'True' }),
  type: s.string('Type of the condition.', mandatory),
});

const podFailurePolicyRule = s.api('batch.v1.PodFailurePolicyRule', 'What one sort of failure means.', {
  action: s.string('FailJob, FailIndex, Ignore or Count.', {
    ...mandatory,
    enum: ['Count', 'FailIndex', 'FailJob', 'Ignore'],
  }),
  onExitCodes: s.field(onExitCodes, 'Exit codes it applies to.'),
  onPodConditions: s.list(onPodConditions, 'Pod conditions it applies to.', atomic),
});
export interface PodFailurePolicyRule extends TypeOf<typeof podFailurePolicyRule> {}

export const podFailurePolicy = s.api('batch.v1.PodFailurePolicy', 'What pod failures mean for a job.', {
  rules: s.list(podFailurePolicyRule, 'Rules in order; the first match decides.', { ...mandatory, ...atomic }),
});
export interface PodFailurePolicy extends TypeOf<typeof podFailurePolicy> {}

const successPolicyRule = s.api('batch.v1.SuccessPolicyRule', 'Which indexes are enough.', {
  succeededCount: s.int32('How many indexes.', { pointer: true }),
  succeededIndexes: s.string('Which indexes, 0,2-4.', { pointer: true }),
});

export const successPolicy = s.api('batch.v1.SuccessPolicy', 'When an indexed job has succeeded early.', {
  rules: s.list(successPolicyRule, 'Rules in order; the first that holds decides.', { ...mandatory, ...atomic }),
});
