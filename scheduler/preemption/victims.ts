// Which pods would have to leave a node so that a more important one fits, and as few of them as can be. Upstream:
// SelectVictimsOnNode of DefaultPreemption.
import type { PodDisruptionBudget } from '../../api/policy/poddisruptionbudget.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { Preemption } from '../framework/plugin.ts';
import { type PodInfo, priorityOf } from '../framework/pod-info.ts';
import type { Trial } from '../framework/trial.ts';

export type Budgets = (namespace: string) => readonly PodDisruptionBudget[];

/** When a pod began; what has not begun yet is the youngest. */
export const startMs = ({ pod }: PodInfo): number =>
  pod.status?.startTime ? Date.parse(pod.status.startTime) : Number.POSITIVE_INFINITY;

/** Higher priority first, then the longer running. */
export const byImportance = (a: PodInfo, b: PodInfo): number => {
  const order = priorityOf(b) - priorityOf(a);
  if (order !== 0) return order;
  const [first, second] = [startMs(a), startMs(b)];
  return first === second ? 0 : first - second;
};

/** The reasons why no removal helps, or who has to go. The node is as before when this returns. */
export function selectVictims(trial: Trial, node: NodeInfo, budgets: Budgets): Preemption | readonly string[] {
  const less = [...node.pods.values()].filter((other) => priorityOf(other) < priorityOf(trial.pod)).sort(byImportance);
  if (less.length === 0) return ['No preemption victims found for incoming pod'];
  const gone = new Set(less);
  for (const other of less) trial.remove(node, other);
  try {
    const rejection = trial.reject(node);
    if (rejection) return rejection.status.reasons;
    const { violating, others } = splitByBudgets(less, budgets);
    /** Lets a pod stay if there is room. */
    const reprieve = (other: PodInfo): boolean => {
      trial.add(node, other);
      if (!trial.reject(node)) return gone.delete(other);
      trial.remove(node, other);
      return false;
    };
    const violations = violating.filter((other) => !reprieve(other)).length;
    for (const other of others) reprieve(other);
    return { node, victims: [...gone].sort(byImportance), violations };
  } finally {
    for (const other of gone) trial.add(node, other);
  }
}

/** Pods beyond what their budgets allow, in the order in which they come. */
function splitByBudgets(pods: readonly PodInfo[], budgets: Budgets): { violating: PodInfo[]; others: PodInfo[] } {
  const allowed = new Map<PodDisruptionBudget, number>();
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of pods) {
    let isViolating = false;
    const { namespace = '', labels, name = '' } = info.pod.metadata;
    for (const budget of labels ? budgets(namespace) : []) {
      const { selector } = budget.spec;
      // An empty selector stands for nothing here, and a pod that is already being evicted is counted already.
      if (!selector || isEmpty(selector) || !matchesLabelSelector(selector, labels)) continue;
      if (budget.status?.disruptedPods?.[name] !== undefined) continue;
      const left = (allowed.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1;
      allowed.set(budget, left);
      if (left < 0) isViolating = true;
    }
    (isViolating ? violating : others).push(info);
  }
  return { violating, others };
}

const isEmpty = ({ matchLabels, matchExpressions }: { matchLabels?: object; matchExpressions?: readonly unknown[] }) =>
  Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;

/**
 * The candidate that does least harm: fewest broken budgets, then the least important of the most important victims,
 * the smallest sum of their priorities, the fewest of them, and those that began last.
 */
export function pickCandidate(candidates: readonly Preemption[]): Preemption | undefined {
  const measures: ((candidate: Preemption) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => priorityOf(victims[0]!),
    // Also a negative priority is a pod that goes.
    ({ victims }) => victims.reduce((sum, victim) => sum + priorityOf(victim) + 2 ** 31, 0),
    ({ victims }) => victims.length,
    ({ victims }) => {
      const highest = priorityOf(victims[0]!);
      return -Math.min(...victims.filter((victim) => priorityOf(victim) === highest).map(startMs));
    },
  ];
  let left = candidates;
  for (const measure of measures) {
    if (left.length <= 1) break;
    const values = left.map(measure);
    const least = Math.min(...values);
    left = left.filter((_, i) => values[i] === least);
  }
  return left[0];
}
