// Nodes for tests, frozen like cached objects.
import type { Node, Taint } from '../../api/core/node.ts';
import { deepFreeze } from '../../machinery/json.ts';
import { secondsAgo } from './pod.ts';

export interface NodeParts {
  labels?: Record<string, string>;
  taints?: Taint[];
  unschedulable?: boolean;
  /** Status by type: `{ Ready: 'True' }`. */
  conditions?: Record<string, string>;
}

export function node(name: string, parts: NodeParts = {}): Node {
  const times = { lastHeartbeatTime: secondsAgo(10), lastTransitionTime: secondsAgo(10) };
  const conditions = Object.entries(parts.conditions ?? {}).map(([type, status]) => ({ type, status, ...times }));
  const spec = {
    ...(parts.taints ? { taints: parts.taints } : {}),
    ...(parts.unschedulable ? { unschedulable: true } : {}),
  };
  const metadata = { name, uid: `uid-${name}`, creationTimestamp: secondsAgo(100), labels: parts.labels ?? {} };
  return deepFreeze({ metadata, spec, status: { conditions } } as unknown as Node);
}
