// The five conditions that the kubelet keeps on every pod, in upstream's words and order.
// Conditions of others stay in front of them. Upstream: pkg/kubelet/status/generate.go.

import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { PodCondition } from '../../api/core/pod/pod-status.ts';
import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import { couldRestartAll } from '../../api/core/pod/status-validation.ts';
import type { Pod } from '../../api/core/pod.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { containersOf, initContainersOf } from '../pods/pod-text.ts';
import { resizeConditionTypes } from '../resize/resize-text.ts';
import type { PodPhase } from './phase.ts';

export interface ConditionInput {
  phase: PodPhase;
  statuses: readonly ContainerStatus[];
  /** The sandbox stands and has its network. */
  sandboxReady: boolean;
  /** All containers end to begin anew, and not all of them are away yet. */
  restartsAll: boolean;
  /** The conditions as the API server has them: those of others, and transition times. */
  known: readonly PodCondition[];
  nowMs: number;
  /** Conditions that others of the kubelet have found. */
  found?: readonly PodCondition[];
}

interface Verdict {
  status: 'True' | 'False';
  reason?: string;
  message?: string;
}

export const kubeletConditionTypes = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
] as const;

const own = new Set<string>([...kubeletConditionTypes, 'AllContainersRestarting', ...resizeConditionTypes]);

/** Whether the kubelet keeps the condition. Others end pods too: such a condition is theirs. */
export const isKubeletCondition = ({ type, reason }: PodCondition) =>
  own.has(type) || (type === 'DisruptionTarget' && reason === 'TerminationByKubelet');

const yes: Verdict = { status: 'True' };

/** `lacking`: containers of which nothing is said, and those that are not what the word says. */
function verdictOn(reason: string, word: string, lacking: { unknown: string[]; others: string[] }): Verdict {
  const parts = Object.entries({ unknown: lacking.unknown, [word]: lacking.others })
    .filter(([, names]) => names.length > 0)
    .map(([status, names]) => `containers with ${status} status: [${names.join(' ')}]`);
  return parts.length === 0 ? yes : { status: 'False', reason, message: parts.join(', ') };
}

export function computeConditions(pod: Pod, input: ConditionInput): PodCondition[] {
  const containersReady = judgeContainersReady(pod, input);
  const verdicts: Record<(typeof kubeletConditionTypes)[number], Verdict> = {
    PodReadyToStartContainers: { status: input.sandboxReady ? 'True' : 'False' },
    Initialized: judgeInitialized(pod, input),
    Ready: judgeReady(pod, containersReady, input.known),
    ContainersReady: containersReady,
    PodScheduled: yes,
  };
  const { found = [] } = input;
  const others = input.known.filter((c) => !isKubeletCondition(c) && found.every(({ type }) => type !== c.type));
  return [
    ...others,
    ...found,
    ...kubeletConditionTypes.map((type) => toCondition(pod, type, verdicts[type], input)),
    ...judgeRestarting(pod, input),
  ];
}

/** Of pods with a rule after which all containers begin anew. */
function judgeRestarting(pod: Pod, input: ConditionInput): PodCondition[] {
  if (!couldRestartAll(pod)) return [];
  const end = { Succeeded: 'PodCompleted', Failed: 'PodFailed' }[input.phase as string];
  const started = { reason: 'RestartAllContainersStarted', message: 'container exited with restart policy rule' };
  const verdict: Verdict = end
    ? { status: 'False', reason: end }
    : input.restartsAll
      ? { status: 'True', ...started }
      : { status: 'False' };
  const { observedGeneration: _, ...condition } = toCondition(pod, 'AllContainersRestarting', verdict, input);
  return [condition];
}

function toCondition(pod: Pod, type: string, verdict: Verdict, input: ConditionInput): PodCondition {
  const before = input.known.find((c) => c.type === type);
  const now = timestamp(input.nowMs);
  return {
    type,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    status: verdict.status,
    lastProbeTime: null as unknown as string,
    lastTransitionTime:
      before?.status === verdict.status && before.lastTransitionTime ? before.lastTransitionTime : now,
    ...(verdict.reason ? { reason: verdict.reason } : {}),
    ...(verdict.message ? { message: verdict.message } : {}),
  };
}

function judgeContainersReady(pod: Pod, { phase, statuses }: ConditionInput): Verdict {
  const unknown: string[] = [];
  const unready: string[] = [];
  const counted = [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)];
  for (const { name } of counted) {
    const status = statuses.find((s) => s.name === name);
    if (!status) unknown.push(name);
    else if (!status.ready) unready.push(name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  return verdictOn('ContainersNotReady', 'unready', { unknown, others: unready });
}

function judgeReady(pod: Pod, containersReady: Verdict, known: readonly PodCondition[]): Verdict {
  if (containersReady.status !== 'True') return containersReady;
  const problems: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = known.find((c) => c.type === conditionType);
    if (!condition) problems.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (condition.status !== 'True') {
      problems.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`);
    }
  }
  return problems.length === 0
    ? yes
    : { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}

function judgeInitialized(pod: Pod, { phase, statuses }: ConditionInput): Verdict {
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const container of initContainersOf(pod)) {
    const status = statuses.find((s) => s.name === container.name);
    if (!status) unknown.push(container.name);
    else if (isSidecar(container) ? !status.started : !status.ready) incomplete.push(container.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'True', reason: 'PodCompleted' };
  // Where a container proper has begun, the init phase is over, whatever a sidecar does now.
  const begun = containersOf(pod).some(({ name }) => {
    const status = statuses.find((s) => s.name === name);
    return status?.state?.running || status?.state?.terminated;
  });
  if (begun) return yes;
  return verdictOn('ContainersNotInitialized', 'incomplete', { unknown, others: incomplete });
}
