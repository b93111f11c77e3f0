// One scheduling cycle: which node, if any, a pod goes to. Synchronous and pure given the cache, so
// it can be tested in tables and timed alone.
import type { NodeInfo } from './framework/node-info.ts';
import type { CycleState, Plugin, Snapshot, WeightedPlugin } from './framework/plugin.ts';
import type { PodInfo } from './framework/pod-info.ts';
import { isRejection, type Status } from './framework/status.ts';

export interface Rejection {
  status: Exclude<Status, { code: 'Success' } | { code: 'Skip' }>;
  plugin: Plugin;
}

export type CycleResult =
  | { type: 'found'; node: NodeInfo; evaluated: number; feasible: number }
  | { type: 'none'; rejections: ReadonlyMap<NodeInfo, Rejection>; total: number };

const minFeasibleToFind = 100;
const minPercentage = 5;

/** How many feasible nodes are enough: all of a small cluster, a share of a large one. */
export function feasibleWanted(nodes: number): number {
  if (nodes < minFeasibleToFind) return nodes;
  const percentage = Math.max(minPercentage, 50 - nodes / 125);
  return Math.max(minFeasibleToFind, Math.floor((nodes * percentage) / 100));
}

export interface Cycle {
  /** Nodes are looked at round robin, so that the share that is enough is not always the same. */
  startIndex: number;
  random: () => number;
}

/** Runs the extension points for one pod. Advances `cycle.startIndex`. */
export function schedulePod(
  plugins: readonly WeightedPlugin[],
  pod: PodInfo,
  snapshot: Snapshot,
  cycle: Cycle,
): CycleResult {
  const state: CycleState = new Map();
  const { nodes } = snapshot;
  const rejections = new Map<NodeInfo, Rejection>();
  const filters: Plugin[] = [];
  for (const { plugin } of plugins) {
    const status = plugin.preFilter?.(state, pod, snapshot) ?? { code: 'Success' };
    if (isRejection(status)) {
      for (const node of nodes) rejections.set(node, { status, plugin });
      return { type: 'none', rejections, total: nodes.length };
    }
    if (status.code !== 'Skip' && plugin.filter) filters.push(plugin);
  }
  const feasible = findFeasible({ state, pod, nodes, filters, rejections }, cycle);
  if (feasible.length === 0) return { type: 'none', rejections, total: nodes.length };
  const evaluated = feasible.length + rejections.size;
  const node = feasible.length === 1 ? feasible[0]! : pickBest(plugins, { state, pod, feasible, snapshot }, cycle);
  return { type: 'found', node, evaluated, feasible: feasible.length };
}

interface FilterWork {
  state: CycleState;
  pod: PodInfo;
  nodes: readonly NodeInfo[];
  filters: readonly Plugin[];
  rejections: Map<NodeInfo, Rejection>;
}

function findFeasible(work: FilterWork, cycle: Cycle): NodeInfo[] {
  const { nodes, rejections } = work;
  const wanted = feasibleWanted(nodes.length);
  const feasible: NodeInfo[] = [];
  let i = 0;
  for (; i < nodes.length && feasible.length < wanted; i++) {
    const node = nodes[(cycle.startIndex + i) % nodes.length]!;
    const rejection = filterNode(work, node);
    if (rejection) rejections.set(node, rejection);
    else feasible.push(node);
  }
  cycle.startIndex = nodes.length === 0 ? 0 : (cycle.startIndex + i) % nodes.length;
  return feasible;
}

function filterNode({ state, pod, filters }: FilterWork, node: NodeInfo): Rejection | undefined {
  for (const plugin of filters) {
    const status = plugin.filter!(state, pod, node);
    if (isRejection(status)) return { status, plugin };
  }
  return undefined;
}

interface ScoreWork {
  state: CycleState;
  pod: PodInfo;
  feasible: readonly NodeInfo[];
  snapshot: Snapshot;
}

/** The node with the highest sum of weighted scores; among equals, any. */
function pickBest(
  plugins: readonly WeightedPlugin[],
  { state, pod, feasible, snapshot }: ScoreWork,
  cycle: Cycle,
): NodeInfo {
  const totals = new Map<NodeInfo, number>(feasible.map((n) => [n, 0]));
  for (const { plugin, weight } of plugins) {
    if (!plugin.score || plugin.preScore?.(state, pod, feasible, snapshot).code === 'Skip') continue;
    const scores = new Map(feasible.map((n) => [n, plugin.score!(state, pod, n)]));
    plugin.normalize?.(scores);
    for (const [node, score] of scores) totals.set(node, totals.get(node)! + score * weight);
  }
  const best = Math.max(...totals.values());
  const winners = feasible.filter((n) => totals.get(n) === best);
  return winners[Math.floor(cycle.random() * winners.length)]!;
}
