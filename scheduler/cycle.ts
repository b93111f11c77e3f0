// One scheduling cycle: which node, if any, a pod goes to. Synchronous and pure given the cache, so
// it can be tested in tables and timed alone.

import { type Meter, silentMeter } from './framework/meter.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type {
  CycleState,
  Diagnosis,
  FailedCycle,
  Plugin,
  PostFilterResult,
  Snapshot,
  WeightedPlugin,
} from './framework/plugin.ts';
import type { PodInfo } from './framework/pod-info.ts';
import { isRejection, type Refusal, success, unresolvable } from './framework/status.ts';
import { type Rejection, Trial } from './framework/trial.ts';

export type CycleResult =
  | { type: 'found'; node: NodeInfo; evaluated: number; feasible: number; state: CycleState }
  | { type: 'none'; diagnosis: Diagnosis; total: number; after: PostFilterResult | undefined };

const minFeasibleToFind = 100;
const minPercentage = 5;

/** How many feasible nodes are enough: by itself (0), all of a small cluster and a share of a large one. */
export function feasibleWanted(nodes: number, percentage = 0): number {
  if (nodes < minFeasibleToFind) return nodes;
  const share = percentage || Math.max(minPercentage, 50 - Math.floor(nodes / 125));
  return Math.max(minFeasibleToFind, Math.floor((nodes * share) / 100));
}

export interface Cycle {
  /** Nodes are looked at round robin, so that the share that is enough is not always the same. */
  startIndex: number;
  random: () => number;
  /** Of the nodes, how many that fit are enough; 0: by their number. */
  percentageOfNodesToScore?: number;
  /** Told how long the parts take. */
  meter?: Meter;
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
  const meter = cycle.meter ?? silentMeter;
  meter.beginCycle();
  const endPreFilter = meter.start('PreFilter');
  const prepared = runPreFilter(plugins, { state, pod, snapshot, meter });
  endPreFilter(prepared.refused?.status.code);
  const trial = new Trial({ pod, state, filters: prepared.filters, snapshot });
  const none = (diagnosis: Diagnosis): CycleResult => {
    const failed = { trial, diagnosis, random: cycle.random };
    const after = nodes.length === 0 ? undefined : runPostFilter(plugins, failed, meter);
    return { type: 'none', diagnosis, total: nodes.length, after };
  };
  const { refused, narrowedBy } = prepared;
  if (refused) {
    // Nobody looks for room for it: nothing was worked out of what that needs.
    const diagnosis = { rejections: new Map(), others: refused, isGeneral: true, narrowedBy };
    return { type: 'none', diagnosis, total: nodes.length, after: undefined };
  }
  const rejections = new Map<NodeInfo, Rejection>();
  const endFilter = meter.start('Filter');
  const feasible = findFeasible({ trial, nodes: prepared.nodes, rejections }, cycle);
  endFilter();
  if (meter.samples && prepared.nodes[0]) trial.measure(prepared.nodes[0], meter);
  if (feasible.length === 0) {
    const [plugin] = narrowedBy;
    if (!plugin) return none({ rejections, narrowedBy });
    const status = unresolvable(`node(s) didn't satisfy plugin(s) ${namesOf(narrowedBy)}`) as Refusal;
    return none({ rejections, others: { status, plugin }, narrowedBy });
  }
  const evaluated = feasible.length + rejections.size;
  const node =
    feasible.length === 1 ? feasible[0]! : pickBest(plugins, { state, pod, feasible, snapshot, meter }, cycle);
  return { type: 'found', node, evaluated, feasible: feasible.length, state };
}

interface PreFilterWork {
  state: CycleState;
  pod: PodInfo;
  snapshot: Snapshot;
  meter: Meter;
}

interface Prepared {
  filters: readonly Plugin[];
  /** The nodes worth a look, and the plugins that say so where these are not all. */
  nodes: readonly NodeInfo[];
  narrowedBy: readonly Plugin[];
  refused?: Rejection;
}

const namesOf = (plugins: readonly Plugin[]) =>
  `[${plugins
    .map(({ name }) => name)
    .sort()
    .join(' ')}]`;

function runPreFilter(plugins: readonly WeightedPlugin[], { state, pod, snapshot, meter }: PreFilterWork): Prepared {
  const filters: Plugin[] = [];
  const narrowedBy: Plugin[] = [];
  let names: ReadonlySet<string> | undefined;
  for (const { plugin } of plugins) {
    const status = plugin.preFilter
      ? meter.ask('PreFilter', plugin, () => plugin.preFilter!(state, pod, snapshot))
      : success;
    if (isRejection(status)) return { filters, nodes: [], narrowedBy, refused: { status, plugin } };
    if (status.code !== 'Skip' && plugin.filter) filters.push(plugin);
    if (status.code !== 'Success' || !status.nodes) continue;
    const { nodes } = status;
    narrowedBy.push(plugin);
    names = names ? new Set([...names].filter((name) => nodes.has(name))) : nodes;
    if (names.size > 0) continue;
    const who = narrowedBy.length === 1 ? `plugin ${plugin.name}` : `plugin(s) ${namesOf(narrowedBy)} simultaneously`;
    const refused = { status: unresolvable(`node(s) didn't satisfy ${who}`) as Refusal, plugin };
    return { filters, nodes: [], narrowedBy, refused };
  }
  if (!names) return { filters, nodes: snapshot.nodes, narrowedBy };
  const nodes = [...names].map((name) => snapshot.find(name)).filter((node) => node !== undefined);
  return { filters, nodes, narrowedBy };
}

function runPostFilter(
  plugins: readonly WeightedPlugin[],
  failed: FailedCycle,
  meter: Meter,
): PostFilterResult | undefined {
  const plugin = plugins.find((one) => one.plugin.postFilter)?.plugin;
  if (!plugin) return undefined;
  const end = meter.start('PostFilter');
  const result = plugin.postFilter!(failed);
  end('preemption' in result ? 'Success' : 'Unschedulable');
  return result;
}

interface FilterWork {
  trial: Trial;
  nodes: readonly NodeInfo[];
  rejections: Map<NodeInfo, Rejection>;
}

/** The node on which room was made for the pod, if it fits there by now; else so many nodes as are enough. */
function findFeasible({ trial, nodes, rejections }: FilterWork, cycle: Cycle): NodeInfo[] {
  const name = trial.snapshot.nominationOf(trial.pod.uid);
  const nominated = name === undefined ? undefined : trial.snapshot.find(name);
  if (nominated && !trial.reject(nominated)) return [nominated];
  const wanted = feasibleWanted(nodes.length, cycle.percentageOfNodesToScore);
  const feasible: NodeInfo[] = [];
  let i = 0;
  let at = nodes.length === 0 ? 0 : cycle.startIndex % nodes.length;
  for (; i < nodes.length && feasible.length < wanted; i++) {
    const node = nodes[at]!;
    const rejection = trial.reject(node);
    if (rejection) rejections.set(node, rejection);
    else feasible.push(node);
    if (++at === nodes.length) at = 0;
  }
  cycle.startIndex = at;
  return feasible;
}

interface ScoreWork extends PreFilterWork {
  feasible: readonly NodeInfo[];
}

/** The node with the highest sum of weighted scores; among equals, any. */
function pickBest(
  plugins: readonly WeightedPlugin[],
  { state, pod, feasible, snapshot, meter }: ScoreWork,
  cycle: Cycle,
): NodeInfo {
  const endPreScore = meter.start('PreScore');
  const scoring = plugins.filter(({ plugin }) => {
    if (!plugin.score || !plugin.preScore) return plugin.score !== undefined;
    return meter.ask('PreScore', plugin, () => plugin.preScore!(state, pod, feasible, snapshot)).code !== 'Skip';
  });
  endPreScore();
  const endScore = meter.start('Score');
  const totals = new Array<number>(feasible.length).fill(0);
  const scores = new Array<number>(feasible.length).fill(0);
  for (const { plugin, weight } of scoring) {
    const endOne = meter.samples ? meter.start('Score', plugin) : undefined;
    scores[0] = plugin.score!(state, pod, feasible[0]!);
    endOne?.();
    for (let i = 1; i < feasible.length; i++) scores[i] = plugin.score!(state, pod, feasible[i]!);
    plugin.normalize?.(scores);
    for (let i = 0; i < scores.length; i++) totals[i]! += scores[i]! * weight;
  }
  endScore();
  const best = Math.max(...totals);
  const winners = feasible.filter((_, i) => totals[i] === best);
  return winners[Math.floor(cycle.random() * winners.length)]!;
}
