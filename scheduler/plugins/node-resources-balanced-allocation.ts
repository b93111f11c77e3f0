// NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory would be used to a like degree.
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip, success } from '../framework/status.ts';

const share = (used: number, total: number) => (total === 0 ? 1 : Math.min(1, used / total));

export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  // A pod that asks for nothing changes no balance.
  preScore: (_state, { requests }) => (requests.cpuMillis === 0 && requests.memoryBytes === 0 ? skip : success),
  score(_state, { requests }, { requested, allocatable }) {
    const cpu = share(requested.cpuMillis + requests.cpuMillis, allocatable.cpuMillis);
    const memory = share(requested.memoryBytes + requests.memoryBytes, allocatable.memoryBytes);
    // The standard deviation of two values is half their distance.
    return Math.floor((1 - Math.abs(cpu - memory) / 2) * maxScore);
  },
};
