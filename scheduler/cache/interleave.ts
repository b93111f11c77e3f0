// The order in which nodes are looked at: zones take turns, so that the share of nodes that is enough has some of each.
// Upstream: nodeTree.
import type { NodeInfo } from '../framework/node-info.ts';

/** Region and zone of a node; nodes without are one of their own. */
export const zoneOf = ({ labels }: NodeInfo): string =>
  `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`;

export function interleave(nodes: NodeInfo[]): NodeInfo[] {
  const zones = Map.groupBy(
    nodes.sort((a, b) => (a.name < b.name ? -1 : 1)),
    zoneOf,
  );
  if (zones.size <= 1) return nodes;
  const out: NodeInfo[] = [];
  const queues = [...zones.keys()].sort().map((zone) => zones.get(zone)!);
  for (let i = 0; out.length < nodes.length; i++) for (const queue of queues) if (queue[i]) out.push(queue[i]!);
  return out;
}
