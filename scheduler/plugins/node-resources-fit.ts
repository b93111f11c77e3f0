// NodeResourcesFit: what a pod asks for must be free, and nodes with more left over are preferred, or as
// the scoring strategy says.
import type { Pod } from '../../api/core/pod.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { type PodInfo, podInfoOf } from '../framework/pod-info.ts';
import { success, unresolvable, unschedulable } from '../framework/status.ts';

const tooManyPodsReason = 'Too many pods';
const insufficientReason = (resource: string) => `Insufficient ${resource}`;

interface Shortage {
  reason: string;
  /** More than the whole node has: no pod's removal would help. */
  hopeless: boolean;
}

/** Whether nothing is lacking: asked of each node, where `findShortages` is asked of few. */
function fits({ requests }: PodInfo, node: NodeInfo): boolean {
  const { requested, allocatable } = node;
  const { cpuMillis, memoryBytes, ephemeralStorageBytes, scalars } = requests;
  if (node.pods.size >= node.allowedPods) return false;
  if (cpuMillis > 0 && cpuMillis > allocatable.cpuMillis - requested.cpuMillis) return false;
  if (memoryBytes > 0 && memoryBytes > allocatable.memoryBytes - requested.memoryBytes) return false;
  if (
    ephemeralStorageBytes > 0 &&
    ephemeralStorageBytes > allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes
  )
    return false;
  if (scalars.size === 0) return true;
  return [...scalars].every(
    ([name, wanted]) =>
      wanted <= 0 || wanted <= (allocatable.scalars.get(name) ?? 0) - (requested.scalars.get(name) ?? 0),
  );
}

/** What the node lacks for the pod. */
function findShortages(pod: PodInfo, node: NodeInfo): Shortage[] {
  const out: Shortage[] = [];
  if (node.pods.size + 1 > node.allowedPods) out.push({ reason: tooManyPodsReason, hopeless: false });
  const check = (resource: string, wanted: number, used: number, total: number) => {
    if (wanted > 0 && wanted > total - used)
      out.push({ reason: insufficientReason(resource), hopeless: wanted > total });
  };
  const { requests } = pod;
  const { requested, allocatable } = node;
  check('cpu', requests.cpuMillis, requested.cpuMillis, allocatable.cpuMillis);
  check('memory', requests.memoryBytes, requested.memoryBytes, allocatable.memoryBytes);
  check(
    'ephemeral-storage',
    requests.ephemeralStorageBytes,
    requested.ephemeralStorageBytes,
    allocatable.ephemeralStorageBytes,
  );
  for (const [name, wanted] of requests.scalars) {
    check(name, wanted, requested.scalars.get(name) ?? 0, allocatable.scalars.get(name) ?? 0);
  }
  return out;
}

interface WeighedResource {
  name: string;
  weight: number;
}

export interface ScoringStrategy {
  type: string;
  resources: readonly WeighedResource[];
  /** Of RequestedToCapacityRatio: scores 0 to 10 by percent in use, between which it goes straight. */
  shape: readonly { utilization?: number; score?: number }[];
}

export interface FitArgs {
  /** Extended resources that are not looked at, by name and by the part before the slash. */
  ignoredResources: readonly string[];
  ignoredResourceGroups: readonly string[];
  strategy: ScoringStrategy;
}

export const defaultStrategy: ScoringStrategy = {
  type: 'LeastAllocated',
  resources: [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ],
  shape: [],
};

const free = (total: number, used: number) => (used > total ? 0 : Math.floor(((total - used) * maxScore) / total));
const taken = (total: number, used: number) => Math.floor((Math.min(used, total) * maxScore) / total);

/** The value of a function given by points of it; flat before the first and after the last. */
function valueAt(shape: ScoringStrategy['shape'], at: number): number {
  const points = shape.map(({ utilization = 0, score = 0 }) => ({ x: utilization, y: (score * maxScore) / 10 }));
  const next = points.findIndex(({ x }) => at <= x);
  if (next < 0) return points.at(-1)!.y;
  const [a, b] = [points[next - 1], points[next]!];
  return a ? a.y + Math.trunc(((b.y - a.y) * (at - a.x)) / (b.x - a.x)) : b.y;
}

/** How much of a resource there is, and how much of it is in use once the pod is there. */
function amountsOf(resource: string, pod: PodInfo, node: NodeInfo): { total: number; used: number } {
  const { allocatable, requested, scoreRequested } = node;
  if (resource === 'cpu')
    return { total: allocatable.cpuMillis, used: scoreRequested.cpuMillis + pod.scoreRequests.cpuMillis };
  if (resource === 'memory')
    return { total: allocatable.memoryBytes, used: scoreRequested.memoryBytes + pod.scoreRequests.memoryBytes };
  if (resource === 'ephemeral-storage') {
    const used = requested.ephemeralStorageBytes + pod.requests.ephemeralStorageBytes;
    return { total: allocatable.ephemeralStorageBytes, used };
  }
  const wanted = pod.requests.scalars.get(resource);
  // Who does not ask for it does not care.
  if (!wanted) return { total: 0, used: 0 };
  return { total: allocatable.scalars.get(resource) ?? 0, used: (requested.scalars.get(resource) ?? 0) + wanted };
}

function scorerOf({ type, resources, shape }: ScoringStrategy): NonNullable<Plugin['score']> {
  const isRatio = type === 'RequestedToCapacityRatio';
  const scoreOf = (total: number, used: number) => {
    if (isRatio) return valueAt(shape, used > total ? maxScore : Math.trunc((used * maxScore) / total));
    return type === 'MostAllocated' ? taken(total, used) : free(total, used);
  };
  return (_state, pod, node) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight } of resources) {
      const { total, used } = amountsOf(name, pod, node);
      if (total === 0) continue;
      const score = scoreOf(total, used);
      if (isRatio && score === 0) continue;
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return isRatio ? Math.round(sum / weights) : Math.floor(sum / weights);
  };
}

/** A pod that was resized in place asks for less than it did. */
function hasShrunk({ old, pod }: { old: Pod; pod: Pod }): boolean {
  const [before, after] = [podInfoOf(old).requests, podInfoOf(pod).requests];
  return after.cpuMillis < before.cpuMillis || after.memoryBytes < before.memoryBytes;
}

export function createNodeResourcesFit({ ignoredResources, ignoredResourceGroups, strategy }: FitArgs): Plugin {
  const isIgnored = (resource: string) =>
    ignoredResources.includes(resource) || ignoredResourceGroups.includes(resource.split('/')[0]!);
  const ignoresAny = ignoredResources.length > 0 || ignoredResourceGroups.length > 0;
  const lookedAt = (pod: PodInfo): PodInfo => {
    if (!ignoresAny || pod.requests.scalars.size === 0) return pod;
    const scalars = new Map([...pod.requests.scalars].filter(([resource]) => !isIgnored(resource)));
    return { ...pod, requests: { ...pod.requests, scalars } };
  };
  return {
    name: 'NodeResourcesFit',
    mayHelp: (event, waiting) =>
      event.type === 'PodRemoved' ||
      (event.type === 'PodUpdated' && hasShrunk(event)) ||
      ((event.type === 'NodeAdded' || event.type === 'NodeUpdated') && fits(lookedAt(waiting), event.node)),
    filter(_state, pod, node) {
      if (fits(lookedAt(pod), node)) return success;
      const shortages = findShortages(lookedAt(pod), node);
      const reasons = shortages.map((s) => s.reason);
      return shortages.some((s) => s.hopeless) ? unresolvable(...reasons) : unschedulable(...reasons);
    },
    score: scorerOf(strategy),
  };
}

export const nodeResourcesFit = createNodeResourcesFit({
  ignoredResources: [],
  ignoredResourceGroups: [],
  strategy: defaultStrategy,
});
