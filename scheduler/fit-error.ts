// The sentence a pod gets that fits nowhere: how many nodes there are and what each of them lacks.
// kubectl's users know its wording.
import type { CycleResult } from './cycle.ts';
import { countReasons } from './framework/reasons.ts';

const noNodesMessage = 'no nodes available to schedule pods';
// What is said of claims to devices, of which there are none.
const noClaims = 'no new claims to deallocate';
// What the same plugin says of a pod that was turned away before its turn.
const notReached = 'not found';

/** What the event and the PodScheduled condition say. */
export function describeFailure(result: Extract<CycleResult, { type: 'none' }>): string {
  const { rejections, total, everywhere, after } = result;
  if (total === 0) return noNodesMessage;
  if (everywhere) return `0/${total} nodes are available: ${everywhere.status.reasons.join(', ')}. ${notReached}`;
  const why = countReasons([...rejections.values()].flatMap((r) => r.status.reasons));
  const head = `0/${total} nodes are available: ${why}.`;
  return after && 'message' in after ? `${head} ${noClaims}, preemption: ${after.message}` : head;
}
