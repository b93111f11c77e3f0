// One scheduling cycle: which node, if any, a pod goes to. Synchronous and pure given the cache, so
// it can be tested in tables and timed alone.
import type { NodeInfo } from './framework/node-info.ts';
import type {
  CycleState,
  FailedCycle,
  Plugin,
  PostFilterResult,
  Snapshot,
  WeightedPlugin,
} from './framework/plugin.ts';
import type { PodInfo } from './framework/pod-info.ts';
import { isRejection } from './framework/status.ts';
import { type Rejection, Trial } from './framework/trial.ts';

export type CycleResult =
  | { type: 'found'; node: NodeInfo; evaluated: number; feasible: number; state: CycleState }
  | {
      type: 'none';
      rejections: ReadonlyMap<NodeInfo, Rejection>;
      total: number;
      /** Why it is turned away from every node, before any was looked at. */
      everywhere?: Rejection;
      after: PostFilterResult | undefined;
    };

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
  const trial = () => new Trial({ pod, state, filters, snapshot });
  const none = (): CycleResult => {
    const after =
      nodes.length === 0 ? undefined : runPostFilter(plugins, { trial: trial(), rejections, random: cycle.random });
    return { type: 'none', rejections, total: nodes.length, after };
  };
  for (const { plugin } of plugins) {
    const status = plugin.preFilter?.(state, pod, snapshot) ?? { code: 'Success' };
    if (isRejection(status)) {
      return { type: 'none', rejections, total: nodes.length, everywhere: { status, plugin }, after: undefined };
    }
    if (status.code !== 'Skip' && plugin.filter) filters.push(plugin);
  }
  const feasible = findFeasible({ trial: trial(), nodes, rejections }, cycle);
  if (feasible.length === 0) return none();
  const evaluated = feasible.length + rejections.size;
  const node = feasible.length === 1 ? feasible[0]! : pickBest(plugins, { state, pod, feasible, snapshot }, cycle);
  return { type: 'found', node, evaluated, feasible: feasible.length, state };
}

function runPostFilter(plugins: readonly WeightedPlugin[], failed: FailedCycle): PostFilterResult | undefined {
  for (const { plugin } of plugins) if (plugin.postFilter) return plugin.postFilter(failed);
  return undefined;
}

interface FilterWork {
  trial: Trial;
  nodes: readonly NodeInfo[];
  rejections: Map<NodeInfo, Rejection>;
}

/** The node on which room was made for the pod, if it fits there by now; else so many nodes as are enough. */
function findFeasible({ trial, nodes, rejections }: FilterWork, cycle: Cycle): NodeInfo[] {
  const name = trial.snapshot.nominationOf(trial.pod.uid);
  const nominated = name === undefined ? undefined : nodes.find((node) => node.name === name);
  if (nominated && !trial.reject(nominated)) return [nominated];
  const wanted = feasibleWanted(nodes.length);
  const feasible: NodeInfo[] = [];
  let i = 0;
  for (; i < nodes.length && feasible.length < wanted; i++) {
    const node = nodes[(cycle.startIndex + i) % nodes.length]!;
    const rejection = trial.reject(node);
    if (rejection) rejections.set(node, rejection);
    else feasible.push(node);
  }
  cycle.startIndex = nodes.length === 0 ? 0 : (cycle.startIndex + i) % nodes.length;
  return feasible;
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
