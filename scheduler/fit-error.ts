// The sentence a pod gets that fits nowhere: how many nodes there are and what each of them lacks.
// kubectl's users know its wording.
import type { CycleResult } from './cycle.ts';
import { countReasons } from './framework/reasons.ts';

const noNodesMessage = 'no nodes available to schedule pods';
// What is said of claims to devices, of which there are none.
const noClaims = 'no new claims to deallocate';

/** What the event and the PodScheduled condition say. */
export function describeFailure({ rejections, total, after }: Extract<CycleResult, { type: 'none' }>): string {
  if (total === 0) return noNodesMessage;
  const why = countReasons([...rejections.values()].flatMap((r) => r.status.reasons));
  const head = `0/${total} nodes are available: ${why}.`;
  return after && 'message' in after ? `${head} ${noClaims}, preemption: ${after.message}` : head;
}
