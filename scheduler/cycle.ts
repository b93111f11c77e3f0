// One scheduling cycle: which node, if any, a pod goes to. Pure given the cache, so it can be tested in tables and timed
// alone; synchronous but for extenders, which are asked over the network.

import { ExtenderError } from './extenders/extender-client.ts';
import type { Extenders } from './extenders/extenders.ts';
import { type Meter, silentMeter } from './framework/meter.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type {
  CycleState,
  Diagnosis,
  FailedCycle,
  Plugin,
  PostFilterResult,
  Preemption,
  Snapshot,
  WeightedPlugin,
} from './framework/plugin.ts';
import type { PodInfo } from './framework/pod-info.ts';
import { isRejection, type Refusal, success, unresolvable } from './framework/status.ts';
import { type Rejection, Trial } from './framework/trial.ts';
import { pickCandidate } from './preemption/victims.ts';

export type CycleResult =
  | { type: 'found'; node: NodeInfo; evaluated: number; feasible: number; state: CycleState }
  | { type: 'none'; diagnosis: Diagnosis; total: number; after: Aftermath | undefined };

/** What was found after no node was: room for the pod, or why there is none. */
type Aftermath = { preemption: Preemption } | Extract<PostFilterResult, { message: string }>;

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

/** A question to an extender. The cycle waits for the answer. */
type Question = () => Promise<unknown>;
type Steps<T> = Generator<Question, T, any>;

/** Runs the extension points for one pod. Advances `cycle.startIndex`. */
export function schedulePod(
  plugins: readonly WeightedPlugin[],
  pod: PodInfo,
  snapshot: Snapshot,
  cycle: Cycle,
): CycleResult {
  return runCycle(plugins, { pod, snapshot }, cycle).next().value as CycleResult;
}

/** The same with extenders that have a say. Rejects when one of them fails without which no pod is scheduled. */
export async function schedulePodWith(
  extenders: Extenders,
  plugins: readonly WeightedPlugin[],
  pod: PodInfo,
  snapshot: Snapshot,
  cycle: Cycle,
): Promise<CycleResult> {
  const steps = runCycle(plugins, { pod, snapshot, extenders }, cycle);
  let step = steps.next();
  while (!step.done) {
    const answer = await step.value().then(
      (value) => ({ value }),
      (err: unknown) => ({ err }),
    );
    step = 'err' in answer ? steps.throw(answer.err) : steps.next(answer.value);
  }
  return step.value;
}

interface CycleWork {
  pod: PodInfo;
  snapshot: Snapshot;
  extenders?: Extenders;
}

function* runCycle(
  plugins: readonly WeightedPlugin[],
  { pod, snapshot, extenders }: CycleWork,
  cycle: Cycle,
): Steps<CycleResult> {
  const state: CycleState = new Map();
  const { nodes } = snapshot;
  const meter = cycle.meter ?? silentMeter;
  meter.beginCycle();
  const endPreFilter = meter.start('PreFilter');
  const prepared = runPreFilter(plugins, { state, pod, snapshot, meter });
  endPreFilter(prepared.refused?.status.code);
  const trial = new Trial({ pod, state, filters: prepared.filters, snapshot });
  const { refused, narrowedBy } = prepared;
  if (refused) {
    // Nobody looks for room for it: nothing was worked out of what that needs.
    const diagnosis = { rejections: new Map(), others: refused, isGeneral: true, narrowedBy };
    return { type: 'none', diagnosis, total: nodes.length, after: undefined };
  }
  const rejections = new Map<NodeInfo, Rejection>();
  const endFilter = meter.start('Filter');
  let feasible = findNominated(trial);
  if (extenders && feasible.length > 0) feasible = yield* askAll(extenders, pod, feasible, rejections);
  if (feasible.length === 0) {
    feasible = findFeasible({ trial, nodes: prepared.nodes, rejections }, cycle);
    if (extenders && feasible.length > 0) feasible = yield* askAll(extenders, pod, feasible, rejections);
  }
  endFilter();
  if (meter.samples && prepared.nodes[0]) trial.measure(prepared.nodes[0], meter);
  if (feasible.length === 0) {
    const diagnosis = diagnose(rejections, narrowedBy);
    const failed = { trial, diagnosis, random: cycle.random };
    const found = nodes.length === 0 ? undefined : runPostFilter(plugins, failed, meter);
    const after = found && (yield* pickVictims(found, { pod, snapshot, extenders }));
    return { type: 'none', diagnosis, total: nodes.length, after };
  }
  const evaluated = feasible.length + rejections.size;
  let [node] = feasible as [NodeInfo];
  if (feasible.length > 1) {
    const totals = scoreNodes(plugins, { state, pod, feasible, snapshot, meter });
    if (extenders) {
      const given: ReadonlyMap<string, number> = yield () => extenders.prioritize(pod.pod, feasible);
      for (const [i, { name }] of feasible.entries()) totals[i]! += given.get(name) ?? 0;
    }
    node = pickBest(feasible, totals, cycle);
  }
  return { type: 'found', node, evaluated, feasible: feasible.length, state };
}

/** What extenders leave of nodes, as far as those are still there when they have answered. */
function* askAll(
  extenders: Extenders,
  { pod }: PodInfo,
  nodes: readonly NodeInfo[],
  rejections: Map<NodeInfo, Rejection>,
): Steps<readonly NodeInfo[]> {
  const passed: readonly NodeInfo[] = yield () => extenders.filter(pod, nodes, rejections);
  return passed.filter(({ exists }) => exists);
}

function diagnose(rejections: Map<NodeInfo, Rejection>, narrowedBy: readonly Plugin[]): Diagnosis {
  const [plugin] = narrowedBy;
  if (!plugin) return { rejections, narrowedBy };
  const status = unresolvable(`node(s) didn't satisfy plugin(s) ${namesOf(narrowedBy)}`) as Refusal;
  return { rejections, others: { status, plugin }, narrowedBy };
}

/** The candidate that does least harm, of those that extenders leave. */
function* pickVictims(found: PostFilterResult, { pod, snapshot, extenders }: CycleWork): Steps<Aftermath> {
  if ('message' in found) return found;
  let { candidates } = found;
  try {
    if (extenders) candidates = yield () => extenders.preempt(pod.pod, candidates, (name) => snapshot.find(name));
  } catch (err) {
    if (!(err instanceof ExtenderError)) throw err;
    return { message: err.message };
  }
  const preemption = pickCandidate(candidates);
  return preemption ? { preemption } : { message: 'no candidate node for preemption' };
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
  end('candidates' in result ? 'Success' : 'Unschedulable');
  return result;
}

interface FilterWork {
  trial: Trial;
  nodes: readonly NodeInfo[];
  rejections: Map<NodeInfo, Rejection>;
}

/** The node on which room was made for the pod, if it fits there by now. */
function findNominated(trial: Trial): readonly NodeInfo[] {
  const name = trial.snapshot.nominationOf(trial.pod.uid);
  const nominated = name === undefined ? undefined : trial.snapshot.find(name);
  return nominated && !trial.reject(nominated) ? [nominated] : [];
}

/** So many nodes that fit as are enough. */
function findFeasible({ trial, nodes, rejections }: FilterWork, cycle: Cycle): readonly NodeInfo[] {
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

/** The sums of weighted scores. */
function scoreNodes(
  plugins: readonly WeightedPlugin[],
  { state, pod, feasible, snapshot, meter }: ScoreWork,
): number[] {
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
  return totals;
}

/** The node with the highest score; among equals, any. */
function pickBest(feasible: readonly NodeInfo[], totals: readonly number[], cycle: Cycle): NodeInfo {
  const best = Math.max(...totals);
  const winners = feasible.filter((_, i) => totals[i] === best);
  return winners[Math.floor(cycle.random() * winners.length)]!;
}
