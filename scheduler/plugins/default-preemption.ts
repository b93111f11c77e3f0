// DefaultPreemption: a pod that fits nowhere may take the place of less important ones.
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { disruptionTargetType, preemptedReason } from '../../api/core/pod/disruption-target.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { Diagnosis, FailedCycle, Plugin, PostFilterResult, Preemption } from '../framework/plugin.ts';
import { priorityOf } from '../framework/pod-info.ts';
import { countReasons } from '../framework/reasons.ts';
import { selectVictims } from '../preemption/victims.ts';

const neverReason = 'not eligible due to preemptionPolicy=Never.';
const terminatingReason = 'not eligible due to a terminating pod on the nominated node.';
const notHelpful = 'Preemption is not helpful for scheduling';

/** So many candidates are enough: a share of the nodes, and at least so many. */
export const defaultCandidates = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 };

/** Ends because a scheduler has made room by it. */
function isPreempted({ metadata, status }: Pod): boolean {
  if (!metadata.deletionTimestamp) return false;
  const condition = status?.conditions?.find((c) => c.type === disruptionTargetType);
  return condition?.status === 'True' && condition.reason === preemptedReason;
}

const codeOf = ({ rejections, others }: Diagnosis, node: NodeInfo) => (rejections.get(node) ?? others)?.status.code;

/** Why the pod may not preempt now; undefined: it may. */
function findIneligibility({ trial, diagnosis }: FailedCycle): string | undefined {
  const { pod } = trial.pod;
  if (pod.spec.preemptionPolicy === 'Never') return neverReason;
  const name = trial.snapshot.nominationOf(trial.pod.uid);
  const node = name === undefined ? undefined : trial.snapshot.find(name);
  // A node that cannot be one for it at all is worth no waiting.
  if (!node || codeOf(diagnosis, node) === 'UnschedulableAndUnresolvable') return undefined;
  const isWaiting = [...node.pods.values()].some(
    (other) => priorityOf(other) < priorityOf(trial.pod) && isPreempted(other.pod),
  );
  return isWaiting ? terminatingReason : undefined;
}

function postFilter(failed: FailedCycle, candidatesWanted: typeof defaultCandidates): PostFilterResult {
  const { trial, diagnosis, random } = failed;
  const ineligible = findIneligibility(failed);
  if (ineligible !== undefined) return { message: ineligible, keepsNomination: ineligible === terminatingReason };
  const { nodes } = trial.snapshot;
  const reasons = new Map<NodeInfo, readonly string[]>();
  const candidates: Preemption[] = [];
  const hopeful = nodes.filter((node) => codeOf(diagnosis, node) === 'Unschedulable');
  const { minCandidateNodesPercentage: share, minCandidateNodesAbsolute: least } = candidatesWanted;
  const enough = Math.max(least, Math.floor((hopeful.length * share) / 100));
  // One that breaks no budget is looked for beyond that.
  const isEnough = () => candidates.length >= enough && candidates.some(({ violations }) => violations === 0);
  const first = Math.floor(random() * hopeful.length);
  for (let i = 0; i < hopeful.length && !isEnough(); i++) {
    const node = hopeful[(first + i) % hopeful.length]!;
    const found = selectVictims(trial, node, (namespace) => trial.snapshot.budgets(namespace));
    if ('victims' in found) candidates.push(found);
    else reasons.set(node, found);
  }
  if (candidates.length > 0) return { candidates };
  const all = nodes.flatMap((node) => reasons.get(node) ?? [notHelpful]);
  return { message: `0/${nodes.length} nodes are available: ${countReasons(all)}.` };
}

export const createDefaultPreemption = (candidatesWanted: typeof defaultCandidates): Plugin => ({
  name: 'DefaultPreemption',
  postFilter: (failed) => postFilter(failed, candidatesWanted),
});

export const defaultPreemption = createDefaultPreemption(defaultCandidates);
