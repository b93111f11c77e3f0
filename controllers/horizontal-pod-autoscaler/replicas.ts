// How many replicas what was measured asks for. Pure. Upstream: replica_calculator.go of pkg/controller/podautoscaler.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
import type { Pod } from '../../api/core/pod.ts';
import { quantityMilliValue } from '../../machinery/quantity.ts';
import { isReady, podConditionOf } from '../pods/pod-state.ts';

/** What was measured of one pod, in thousandths. */
export interface PodMetric {
  value: number;
  atMs: number;
  windowMs: number;
}

export type PodMetrics = ReadonlyMap<string, PodMetric>;

/** How far the ratio of use to target may be from 1, to either side, without consequence. */
export interface Tolerances {
  up: number;
  down: number;
}

export interface Proposal {
  replicas: number;
  /** In thousandths: on average by pod, or as a whole. */
  usage: number;
  /** In percent of the requests. */
  utilization?: number;
}

const maxReplicas = 2 ** 31 - 1;
/** As long as a pod may take to warm up, its CPU counts only while it is ready. */
const cpuInitializationMs = 5 * 60_000;
/** Unready since then: it has never been ready. */
const initialReadinessDelayMs = 30_000;

const roundUp = (count: number) => Math.min(Math.ceil(count), maxReplicas);
const isWithin = ({ up, down }: Tolerances, ratio: number) => 1 - down <= ratio && ratio <= 1 + up;

interface Groups {
  ready: number;
  unready: string[];
  missing: string[];
  ignored: string[];
}

/** Whether the CPU of a running pod tells nothing yet. */
function isWarmingUp(pod: Pod, { atMs, windowMs }: PodMetric, nowMs: number): boolean {
  const ready = podConditionOf(pod, 'Ready');
  const startMs = Date.parse(pod.status?.startTime ?? '');
  if (!ready || Number.isNaN(startMs)) return true;
  const changedMs = Date.parse(ready.lastTransitionTime ?? '');
  const isUnready = ready.status === 'False';
  if (startMs + cpuInitializationMs > nowMs) return isUnready || atMs < changedMs + windowMs;
  return isUnready && startMs + initialReadinessDelayMs > changedMs;
}

function groupPods(pods: readonly Pod[], metrics: PodMetrics, isCpu: boolean, nowMs: number): Groups {
  const groups: Groups = { ready: 0, unready: [], missing: [], ignored: [] };
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata;
    const metric = metrics.get(name);
    const { phase = 'Pending' } = pod.status ?? {};
    if (deletionTimestamp || phase === 'Failed') groups.ignored.push(name);
    else if (phase === 'Pending') groups.unready.push(name);
    else if (!metric) groups.missing.push(name);
    else if (isCpu && isWarmingUp(pod, metric, nowMs)) groups.unready.push(name);
    else groups.ready++;
  }
  return groups;
}

export interface PodsInput {
  pods: readonly Pod[];
  metrics: PodMetrics;
  current: number;
  tolerances: Tolerances;
  nowMs: number;
  /** `cpu` is measured only of pods that are past their start. */
  resource?: string;
}

/** How use compares to its target. */
interface Measure {
  ratio: number;
  usage: number;
  utilization?: number;
}

type Values = ReadonlyMap<string, number>;

interface Target {
  measure(values: Values): Measure;
  /** What a pod without a value is taken to use when the others would let it go. */
  assume(pod: string): number;
}

/**
 * The common part: pods that are not ready use nothing where more would be wanted, those that were not measured what
 * changes least.
 */
function fromPods(input: PodsInput, targetOf: () => Target): Proposal {
  const { pods, metrics, current, tolerances, nowMs, resource } = input;
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const { ready, unready, missing, ignored } = groupPods(pods, metrics, resource === 'cpu', nowMs);
  const values = new Map([...metrics].map(([name, { value }]) => [name, value]));
  for (const name of [...unready, ...ignored]) values.delete(name);
  if (values.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const { measure, assume } = targetOf();
  const { ratio, ...shown } = measure(values);
  const isUpWithUnready = unready.length > 0 && ratio > 1;
  if (!isUpWithUnready && missing.length === 0) {
    return { replicas: isWithin(tolerances, ratio) ? current : roundUp(ratio * ready), ...shown };
  }
  if (ratio !== 1) for (const name of missing) values.set(name, ratio < 1 ? assume(name) : 0);
  if (isUpWithUnready) for (const name of unready) values.set(name, 0);
  const next = measure(values).ratio;
  const replicas = roundUp(next * values.size);
  // Neither a small change nor one of direction is to come from what was only assumed.
  const isTurned = (ratio < 1 && next > 1) || (ratio > 1 && next < 1);
  const isContrary = (next < 1 && replicas > current) || (next > 1 && replicas < current);
  return { replicas: isWithin(tolerances, next) || isTurned || isContrary ? current : replicas, ...shown };
}

const sumOf = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);

/** By an average for each pod, in thousandths. Throws with what is missing. */
export function replicasForAverage(input: PodsInput, target: number): Proposal {
  const measure = (values: Values) => {
    const usage = Math.trunc(sumOf(values.values()) / values.size);
    return { ratio: usage / target, usage };
  };
  return fromPods(input, () => ({ measure, assume: () => target }));
}

/** By the use of a resource in percent of what pods, or one container of each, request. Throws with what is missing. */
export function replicasForUtilization(
  input: PodsInput & { resource: string; container?: string },
  targetPercent: number,
): Proposal {
  return fromPods(input, () => {
    const requests = new Map(input.pods.map((pod) => [pod.metadata.name ?? '', requestOf(pod, input)]));
    const measure = (values: Values) => {
      const known = [...values].filter(([name]) => requests.has(name));
      const requested = sumOf(known.map(([name]) => requests.get(name)!));
      if (requested === 0) throw new Error('no metrics returned matched known pods');
      const used = sumOf(known.map(([, value]) => value));
      const utilization = Math.trunc((used * 100) / requested);
      return { ratio: utilization / targetPercent, usage: Math.trunc(used / known.length), utilization };
    };
    const assume = (name: string) => Math.trunc(((requests.get(name) ?? 0) * Math.max(100, targetPercent)) / 100);
    return { measure, assume };
  });
}

/** What a pod requests of a resource, in thousandths. Throws for one that does not say. */
function requestOf(pod: Pod, { resource, container }: { resource: string; container?: string }): number {
  const { name = '' } = pod.metadata;
  const ofPod = pod.spec.resources?.requests?.[resource];
  if (container === undefined && ofPod !== undefined) return quantityMilliValue(ofPod);
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const all = [...(pod.spec.containers ?? []), ...sidecars];
  const meant = all.filter((one) => container === undefined || one.name === container);
  if (meant.length === 0) throw new Error(`container ${container} not found in Pod ${name}`);
  return sumOf(
    meant.map((one) => {
      const request = one.resources?.requests?.[resource];
      if (request === undefined)
        throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${name}`);
      return quantityMilliValue(request);
    }),
  );
}

/** By a value of something else as a whole: the ready pods are multiplied by its ratio to the target. */
export function replicasForValue(
  { pods, current, tolerances }: Pick<PodsInput, 'pods' | 'current' | 'tolerances'>,
  usage: number,
  target: number,
): Proposal {
  const ratio = usage / target;
  if (current === 0) return { replicas: roundUp(ratio), usage };
  if (isWithin(tolerances, ratio)) return { replicas: current, usage };
  if (pods.length === 0) {
    throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  }
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return { replicas: roundUp(ratio * ready), usage };
}

/** By a value of something else, shared among the replicas there are. */
export function replicasForShare(
  { running, tolerances }: { running: number; tolerances: Tolerances },
  usage: number,
  targetEach: number,
): Proposal {
  const isEnough = isWithin(tolerances, usage / (targetEach * running));
  const replicas = isEnough ? running : roundUp(usage / targetEach);
  return { replicas, usage: running === 0 ? 0 : Math.ceil(usage / running) };
}
