// The sentence a pod gets that fits nowhere: how many nodes there are and what each of them lacks.
// kubectl's users know its wording.
import type { CycleResult } from './cycle.ts';
import type { Diagnosis } from './framework/plugin.ts';
import { countReasons } from './framework/reasons.ts';

const noNodesMessage = 'no nodes available to schedule pods';
// What is said of claims to devices, of which there are none.
const noClaims = 'no new claims to deallocate';
// What the same plugin says of a pod that was turned away before its turn.
const notReached = 'not found';

/** What the event and the PodScheduled condition say. */
export function describeFailure({ diagnosis, total, after }: Extract<CycleResult, { type: 'none' }>): string {
  if (total === 0) return noNodesMessage;
  const head = `0/${total} nodes are available: ${whyNone(diagnosis, total)}.`;
  if (diagnosis.isGeneral) return `${head} ${notReached}`;
  return after && 'message' in after ? `${head} ${noClaims}, preemption: ${after.message}` : head;
}

/** What is true of the pod whatever the node is not counted. */
function whyNone({ rejections, others, isGeneral }: Diagnosis, total: number): string {
  if (isGeneral && others) return others.status.reasons.join(', ');
  const reasons = [...rejections.values()].flatMap((r) => r.status.reasons);
  for (let i = rejections.size; others && i < total; i++) reasons.push(...others.status.reasons);
  return countReasons(reasons);
}
