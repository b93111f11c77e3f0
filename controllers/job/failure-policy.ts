// What a pod's failure means by the job's podFailurePolicy: the first rule that matches decides. Pure.
// Upstream: pod_failure_policy.go of pkg/controller/job.

import type { PodFailurePolicyRule } from '../../api/batch/job/pod-failure-policy.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import type { Pod } from '../../api/core/pod.ts';

export interface Verdict {
  action: 'Count' | 'FailIndex' | 'FailJob' | 'Ignore';
  /** Why, when a rule says that the job fails. */
  message?: string;
}

/** The verdict on a failed pod; failures that no rule names count. */
export function judgeFailure(job: Job, pod: Pod): Verdict {
  for (const [i, rule] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const match = rule.onExitCodes ? matchExitCodes(rule, pod) : matchConditions(rule, pod);
    if (match === undefined) continue;
    const action = rule.action as Verdict['action'];
    return action === 'FailJob' ? { action, message: `${match} matching FailJob rule at index ${i}` } : { action };
  }
  return { action: 'Count' };
}

const podName = ({ metadata }: Pod) => `${metadata.namespace}/${metadata.name}`;

function matchExitCodes({ onExitCodes }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const { containerName, operator, values = [] } = onExitCodes!;
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  for (const { name, state } of statuses) {
    const exitCode = state?.terminated?.exitCode ?? 0;
    if (exitCode === 0 || (containerName !== undefined && containerName !== name)) continue;
    if (values.includes(exitCode) === (operator === 'In')) {
      return `Container ${name} for pod ${podName(pod)} failed with exit code ${exitCode}`;
    }
  }
  return undefined;
}

function matchConditions({ onPodConditions = [] }: PodFailurePolicyRule, pod: Pod): string | undefined {
  for (const { type, status } of pod.status?.conditions ?? []) {
    if (onPodConditions.some((pattern) => pattern.type === type && (pattern.status ?? 'True') === status)) {
      return `Pod ${podName(pod)} has condition ${type}`;
    }
  }
  return undefined;
}
