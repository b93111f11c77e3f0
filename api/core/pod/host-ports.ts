// The ports of a node that a pod takes. Shared by the scheduler and the kubelet's admission.
import type { PodSpec } from './pod-spec.ts';

export interface HostPort {
  protocol: string;
  ip: string;
  port: number;
}

/** Those of all containers that run side by side. */
export function hostPortsOf({ containers, initContainers = [] }: PodSpec): HostPort[] {
  return [...containers, ...initContainers.filter((c) => c.restartPolicy === 'Always')]
    .flatMap((c) => c.ports ?? [])
    .filter((p) => (p.hostPort ?? 0) > 0)
    .map((p) => ({ protocol: p.protocol ?? 'TCP', ip: p.hostIP || '0.0.0.0', port: p.hostPort! }));
}

/** Whether two pods cannot have them both. 0.0.0.0 stands for every address. */
export function isSamePort(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.protocol !== other.protocol) return false;
  return one.ip === other.ip || one.ip === '0.0.0.0' || other.ip === '0.0.0.0';
}
