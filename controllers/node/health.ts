// What a node's silence and its conditions mean for its conditions and taints. Pure. Upstream:
// pkg/controller/nodelifecycle.

import type { Node, Taint } from '../../api/core/node.ts';
import { timestamp } from '../../machinery/timestamp.ts';

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number];

const watchedConditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'];

export function nodeConditionOf(node: Node, type: string): NodeCondition | undefined {
  return node.status?.conditions?.find((c) => c.type === type);
}

export const readinessOf = (node: Node) => nodeConditionOf(node, 'Ready')?.status;

/** The conditions of a silent node, or undefined when they say so already. */
export function silentConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const conditions = [...(node.status?.conditions ?? [])];
  let isChanged = false;
  for (const type of watchedConditions) {
    const at = conditions.findIndex((c) => c.type === type);
    const current = conditions[at];
    if (current?.status === 'Unknown') continue;
    isChanged = true;
    const next = {
      type,
      status: 'Unknown',
      lastHeartbeatTime: current?.lastHeartbeatTime ?? node.metadata.creationTimestamp ?? timestamp(nowMs),
      lastTransitionTime: timestamp(nowMs),
      reason: current ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: current ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
    } as NodeCondition;
    if (at < 0) conditions.push(next);
    else conditions[at] = next;
  }
  return isChanged ? conditions : undefined;
}

type Effect = 'NoSchedule' | 'NoExecute';

const prefix = 'node.kubernetes.io/';
const conditionTaints: readonly [type: string, status: string, taint: string, effects: readonly Effect[]][] = [
  ['Ready', 'False', 'not-ready', ['NoSchedule', 'NoExecute']],
  ['Ready', 'Unknown', 'unreachable', ['NoSchedule', 'NoExecute']],
  ['MemoryPressure', 'True', 'memory-pressure', ['NoSchedule']],
  ['DiskPressure', 'True', 'disk-pressure', ['NoSchedule']],
  ['PIDPressure', 'True', 'pid-pressure', ['NoSchedule']],
  ['NetworkUnavailable', 'True', 'network-unavailable', ['NoSchedule']],
];

const taintId = ({ key, effect }: { key: string; effect: string }) => `${key}:${effect}`;

/** Every taint that follows from a node's state; others are somebody else's. */
const ownedTaints = new Set([
  ...conditionTaints.flatMap(([, , key, effects]) => effects.map((effect) => taintId({ key: prefix + key, effect }))),
  taintId({ key: `${prefix}unschedulable`, effect: 'NoSchedule' }),
]);

/** Whether the node was told to let its pods go. */
export function isEvicting({ spec }: Node): boolean {
  const keys = [`${prefix}not-ready`, `${prefix}unreachable`];
  return (spec.taints ?? []).some(({ key, effect }) => effect === 'NoExecute' && keys.includes(key));
}

function wantedTaints(node: Node, mayEvict: boolean): { key: string; effect: Effect }[] {
  const wanted: { key: string; effect: Effect }[] = [];
  for (const [type, status, key, effects] of conditionTaints) {
    if (nodeConditionOf(node, type)?.status !== status) continue;
    for (const effect of effects) if (mayEvict || effect !== 'NoExecute') wanted.push({ key: prefix + key, effect });
  }
  if (node.spec.unschedulable) wanted.push({ key: `${prefix}unschedulable`, effect: 'NoSchedule' });
  return wanted;
}

/**
 * The node's taints as its state demands, or undefined when they are right. A node that has
 * reported nothing keeps what it was born with. None that makes pods leave where that must not be.
 */
export function planTaints(node: Node, nowMs: number, mayEvict: boolean): Taint[] | undefined {
  const present = node.spec.taints ?? [];
  const wanted = wantedTaints(node, mayEvict);
  const wantedIds = new Set(wanted.map(taintId));
  const hasReported = readinessOf(node) !== undefined;
  const isNewborn = (taint: Taint) => !hasReported && taint.key === `${prefix}not-ready`;
  const kept = present.filter((t) => !ownedTaints.has(taintId(t)) || wantedIds.has(taintId(t)) || isNewborn(t));
  const presentIds = new Set(present.map(taintId));
  const added = wanted.filter((t) => !presentIds.has(taintId(t))).map((t) => ({ ...t, timeAdded: timestamp(nowMs) }));
  return kept.length === present.length && added.length === 0 ? undefined : [...kept, ...added];
}
