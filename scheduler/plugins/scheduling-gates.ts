// SchedulingGates: a pod with gates is not looked at until they are taken off.
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/
import type { Plugin } from '../framework/plugin.ts';
import { success, unresolvable } from '../framework/status.ts';

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  preEnqueue(pod) {
    const gates = pod.spec.schedulingGates ?? [];
    if (gates.length === 0) return success;
    return unresolvable(`waiting for scheduling gates: [${gates.map((g) => g.name).join(' ')}]`);
  },
};
