// The sentence a pod gets that fits nowhere: how many nodes there are and what each of them lacks.
// kubectl's users know its wording.

import type { Pod } from '../api/core/pod.ts';
import type { Rejection } from './cycle.ts';
import type { NodeInfo } from './framework/node-info.ts';

const noNodesMessage = 'no nodes available to schedule pods';
const notHelpful = 'Preemption is not helpful for scheduling';
const notEligible = 'not eligible due to preemptionPolicy=Never.';
const noVictims = 'No preemption victims found for incoming pod';

/** `1 Insufficient cpu, 2 Too many pods`, sorted as text. */
function countReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

/** What the event and the PodScheduled condition say. */
export function describeRejections(pod: Pod, rejections: ReadonlyMap<NodeInfo, Rejection>, total: number): string {
  if (total === 0) return noNodesMessage;
  const all = [...rejections.values()];
  const why = countReasons(all.flatMap((r) => r.status.reasons));
  const victims = all.map((r) => (r.status.code === 'Unschedulable' ? noVictims : notHelpful));
  const head = `0/${total} nodes are available`;
  const preemption = pod.spec.preemptionPolicy === 'Never' ? notEligible : `${head}: ${countReasons(victims)}.`;
  return `${head}: ${why}. no new claims to deallocate, preemption: ${preemption}`;
}
