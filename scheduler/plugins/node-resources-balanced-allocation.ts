// NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory would be used to a more like degree than they are.
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip, success } from '../framework/status.ts';

interface Amounts {
  cpuMillis: number;
  memoryBytes: number;
}

/** How alike the shares in use are: 100 is all alike, 50 is one free and one used up. What a node lacks says nothing. */
function balanceOf(used: Amounts, allocatable: Amounts): number {
  const share = (of: keyof Amounts) => Math.min(1, used[of] / allocatable[of]);
  if (allocatable.cpuMillis === 0 || allocatable.memoryBytes === 0) return maxScore;
  // The standard deviation of two values is half their distance.
  return Math.trunc((1 - Math.abs(share('cpuMillis') - share('memoryBytes')) / 2) * maxScore);
}

export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  // A pod that asks for nothing changes no balance.
  preScore: (_state, { requests }) => (requests.cpuMillis === 0 && requests.memoryBytes === 0 ? skip : success),
  score(_state, { requests }, { requested, allocatable }) {
    const withPod = {
      cpuMillis: requested.cpuMillis + requests.cpuMillis,
      memoryBytes: requested.memoryBytes + requests.memoryBytes,
    };
    const change = balanceOf(withPod, allocatable) - balanceOf(requested, allocatable);
    return maxScore / 2 + Math.trunc((maxScore / 2 + change) / 2);
  },
};
