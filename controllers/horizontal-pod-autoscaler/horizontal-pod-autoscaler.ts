// Scales what has a scale by what is measured, every 15 seconds. Upstream: pkg/controller/podautoscaler.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
} from '../../api/autoscaling/horizontalpodautoscaler/schema.ts';
import { HorizontalPodAutoscalerKind as kind } from '../../api/autoscaling/horizontalpodautoscaler.ts';
import type { Scale } from '../../api/autoscaling/scale.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { putCondition } from '../../machinery/conditions.ts';
import { isConflict, messageOf } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { matchesLabels, parseLabelSelector, type Selector } from '../../machinery/labels.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { controllerMetrics } from '../metrics.ts';
import { readScale, scalePath, writeScale } from '../scale.ts';
import { writeStatus } from '../status.ts';
import { type History, newHistory, normalize, recordScaling } from './behavior.ts';
import { type Computed, computeMetric, type MetricError, type MetricInput } from './metrics.ts';
import { metricsClient } from './metrics-client.ts';

const syncMs = 15_000;
const defaultTolerance = 0.1;
const maxTries = 5;

type Condition = HorizontalPodAutoscalerCondition;

/** What is remembered of one autoscaler between its looks. */
interface Memory {
  /** When it is looked at next, unless somebody changes what it asks for. */
  dueMs: number;
  spec: HorizontalPodAutoscaler['spec'];
  history: History | undefined;
  selector: Selector | undefined;
}

function createDeps(context: ControllerContext, enqueue: (key: string) => void) {
  const { client, kinds } = context;
  const memories = new Map<string, Memory>();
  // What could not be scaled may be of a kind that is only now known to be served.
  kinds.onChange(() => {
    for (const [key, memory] of memories) {
      memory.dueMs = 0;
      enqueue(key);
    }
  });
  return {
    clock: context.clock,
    meter: controllerMetrics(context.registry),
    log: context.log,
    pods: context.informer(PodKind).lister,
    metrics: metricsClient(context),
    memories,
    pathOf: ({ metadata, spec }: HorizontalPodAutoscaler) =>
      scalePath(kinds, spec.scaleTargetRef, metadata.namespace ?? ''),
    readScale: (path: string) => readScale(client, path),
    writeScale: (path: string, scale: Scale) => writeScale(client, path, scale),
    updateStatus: context.resource(kind).updateStatus,
    say: sayingOf(kind, context.recorder('horizontal-pod-autoscaler')),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** What one look writes down. */
interface Found {
  currentReplicas: number;
  desiredReplicas?: number;
  currentMetrics?: unknown[] | undefined;
  lastScaleTime?: string;
}

/** One look: the status as it comes about, and what is written at its end. */
class Look {
  readonly #autoscaler: HorizontalPodAutoscaler;
  readonly #deps: Deps;
  readonly #memory: Memory;
  readonly #nowMs: number;
  #conditions: Condition[];
  /** What it came to, as metrics call it. */
  readonly result = { action: 'none', error: 'none' };

  constructor(autoscaler: HorizontalPodAutoscaler, deps: Deps, memory: Memory) {
    this.#autoscaler = autoscaler;
    this.#deps = deps;
    this.#memory = memory;
    this.#nowMs = deps.clock.now();
    this.#conditions = [...(autoscaler.status?.conditions ?? [])];
  }

  async run(): Promise<void> {
    const { spec } = this.#autoscaler;
    const { pathOf } = this.#deps;
    let path: string;
    let scale: Scale;
    try {
      path = pathOf(this.#autoscaler);
      scale = await this.#deps.readScale(path);
    } catch (err) {
      const { message } = err as Error;
      this.result.error = 'internal';
      this.#warn('FailedGetScale', message);
      const text = `the HPA controller was unable to get the target's current scale: ${message}`;
      this.#set('AbleToScale', false, 'FailedGetScale', text);
      return this.#write(undefined);
    }
    const succeeded = "the HPA controller was able to get the target's current scale";
    this.#set('AbleToScale', true, 'SucceededGetScale', succeeded);
    const current = scale.spec?.replicas ?? 0;
    this.#memory.history ??= newHistory(current, this.#nowMs);
    const min = spec.minReplicas ?? 1;
    if (current === 0 && min !== 0) {
      const text = 'scaling is disabled since the replica count of the target is zero';
      this.#set('ScalingActive', false, 'ScalingDisabled', text);
      return this.#write({ currentReplicas: 0, desiredReplicas: 0 });
    }
    if (current > spec.maxReplicas) {
      const why = 'Current number of replicas above Spec.MaxReplicas';
      return this.#rescale(path, scale, { to: spec.maxReplicas, why });
    }
    if (current < min) {
      return this.#rescale(path, scale, { to: min, why: 'Current number of replicas below Spec.MinReplicas' });
    }
    return this.#byMetrics(path, scale, min);
  }

  async #byMetrics(path: string, scale: Scale, min: number): Promise<void> {
    const { spec } = this.#autoscaler;
    const current = scale.spec?.replicas ?? 0;
    const measured = await this.#measure(scale);
    const { currentMetrics } = measured;
    if (!measured.best) {
      await this.#write({ currentReplicas: current, currentMetrics });
      return this.#warn('FailedComputeMetricsReplicas', measured.error);
    }
    const { replicas: desired, name } = measured.best;
    const why = desired > current ? `${name} above target` : desired < current ? 'All metrics below target' : '';
    const wish = { current, desired, min, max: spec.maxReplicas };
    const { replicas: to, able, limited } = normalize(wish, spec.behavior, this.#memory.history!, this.#nowMs);
    this.#set('AbleToScale', true, able.reason, able.message);
    this.#set('ScalingLimited', limited.isLimited, limited.reason, limited.message);
    if (to !== current) return this.#rescale(path, scale, { to, why, currentMetrics });
    await this.#write({ currentReplicas: current, desiredReplicas: current, currentMetrics });
  }

  /** All metrics. The one that asks for most decides; where one is unknown, nothing shrinks. */
  async #measure(scale: Scale) {
    const { spec } = this.#autoscaler;
    const current = scale.spec?.replicas ?? 0;
    const input = this.#inputOf(scale);
    if (typeof input === 'string') return { currentMetrics: undefined, error: input };
    const metrics = spec.metrics ?? [];
    const currentMetrics: unknown[] = [];
    const failures: MetricError[] = [];
    let best: Computed | undefined;
    for (const metric of metrics) {
      try {
        const computed = await this.#timed(metric.type, current, () => computeMetric(metric, input));
        currentMetrics.push(computed.status);
        if (!best || best.replicas === 0 || computed.replicas > best.replicas) best = computed;
      } catch (err) {
        const failure = err as MetricError;
        failures.push(failure);
        currentMetrics.push({ type: '' });
        this.#warn(failure.reason, failure.detail);
      }
    }
    const [first] = failures;
    if (first) this.result.error = 'internal';
    const counts = `${failures.length} invalid out of ${metrics.length}`;
    const error = `invalid metrics (${counts}), first error is: ${first?.message}`;
    if (first && (!best || best.replicas < current)) {
      const text = `the HPA was unable to compute the replica count: ${first.detail}`;
      this.#set('ScalingActive', false, first.reason, text);
      return { currentMetrics, error };
    }
    const text = `the HPA was able to successfully calculate a replica count from ${best?.name}`;
    this.#set('ScalingActive', true, 'ValidMetricFound', text);
    return { currentMetrics, best, error };
  }

  /** Counts a metric that is looked at. */
  async #timed(type: string, current: number, compute: () => Promise<Computed>): Promise<Computed> {
    const { clock, meter } = this.#deps;
    const startMs = clock.monotonicMs();
    let [action, error] = ['none', 'internal'];
    try {
      const computed = await compute();
      error = 'none';
      action = actionOf(current, computed.replicas);
      return computed;
    } finally {
      meter.hpaMetrics.of(action, error, type).value++;
      meter.hpaMetricSeconds.of(action, error, type).observe((clock.monotonicMs() - startMs) / 1000);
    }
  }

  /** What all metrics are computed from, or why nothing can be. */
  #inputOf(scale: Scale): MetricInput | string {
    const { metadata, spec } = this.#autoscaler;
    const namespace = metadata.namespace ?? '';
    const text = scale.status?.selector ?? '';
    const refuse = (reason: string, message: string, condition = { reason, message }) => {
      this.#warn(reason, message);
      this.#set('ScalingActive', false, condition.reason, condition.message);
      this.result.error = 'internal';
      return message;
    };
    if (text === '') {
      const condition = { reason: 'InvalidSelector', message: "the HPA target's scale is missing a selector" };
      return refuse('SelectorRequired', 'selector is required', condition);
    }
    let selector: Selector;
    try {
      selector = parseLabelSelector(text);
    } catch (err) {
      const why = messageOf(err);
      return refuse(
        'InvalidSelector',
        `couldn't convert selector into a corresponding internal selector object: ${why}`,
      );
    }
    this.#memory.selector = selector;
    const pods = this.#deps.pods.inNamespace(namespace).filter((pod) => matchesLabels(selector, pod.metadata.labels));
    const rivals = rivalsOf(namespace, pods, this.#deps.memories);
    if (rivals.length > 1) {
      const shown = `pods by selector ${text} are controlled by more than one HPA (e.g. [${rivals.slice(0, 2).join(' ')}])`;
      return refuse('AmbiguousSelector', shown);
    }
    const { scaleUp, scaleDown } = spec.behavior ?? {};
    const toleranceOf = (given: string | undefined) =>
      given === undefined ? defaultTolerance : Number(parseQuantity(given)?.nanos ?? 0n) / 1e9;
    return {
      client: this.#deps.metrics,
      namespace,
      selector: text,
      pods,
      current: scale.spec?.replicas ?? 0,
      running: scale.status?.replicas ?? 0,
      tolerances: { up: toleranceOf(scaleUp?.tolerance), down: toleranceOf(scaleDown?.tolerance) },
      nowMs: this.#nowMs,
    };
  }

  async #rescale(
    path: string,
    scale: Scale,
    { to, why, currentMetrics }: { to: number; why: string; currentMetrics?: unknown[] | undefined },
  ): Promise<void> {
    const current = scale.spec?.replicas ?? 0;
    try {
      await this.#scaleTo(path, scale, to);
      this.result.action = actionOf(current, to);
    } catch (err) {
      const { message } = err as Error;
      this.result.error = 'internal';
      this.#warn('FailedRescale', `New size: ${to}; reason: ${why}; error: ${message}`);
      const text = `the HPA controller was unable to update the target scale: ${message}`;
      this.#set('AbleToScale', false, 'FailedUpdateScale', text);
      return this.#write({ currentReplicas: current, currentMetrics });
    }
    const text = `the HPA controller was able to update the target scale to ${to}`;
    this.#set('AbleToScale', true, 'SucceededRescale', text);
    this.#deps.say(this.#autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${to}; reason: ${why}`);
    const { behavior } = this.#autoscaler.spec;
    recordScaling(this.#memory.history!, behavior, { from: current, to }, this.#nowMs);
    const lastScaleTime = timestamp(this.#nowMs);
    await this.#write({ currentReplicas: current, desiredReplicas: to, currentMetrics, lastScaleTime });
  }

  /** Others write the object too, its status above all. */
  async #scaleTo(path: string, found: Scale, replicas: number): Promise<void> {
    let scale = found;
    for (let tries = 1; ; tries++) {
      try {
        await this.#deps.writeScale(path, { ...scale, spec: { ...scale.spec, replicas } });
        return;
      } catch (err) {
        if (!isConflict(err) || tries === maxTries) throw err;
        scale = await this.#deps.readScale(path);
      }
    }
  }

  #warn(reason: string, message: string): void {
    this.#deps.say(this.#autoscaler, 'Warning', reason, message);
  }

  #set(type: string, isTrue: boolean, reason: string, message: string): void {
    const status = isTrue ? 'True' : 'False';
    const lastTransitionTime = timestamp(this.#nowMs);
    this.#conditions = putCondition(this.#conditions, { type, status, reason, message, lastTransitionTime });
  }

  /** Of what was not looked at, the last figures stay. */
  async #write(found: Found | undefined): Promise<void> {
    const { status: old, metadata } = this.#autoscaler;
    const { currentReplicas, currentMetrics } = found ?? old ?? {};
    const lastScaleTime = found?.lastScaleTime ?? old?.lastScaleTime;
    const status = {
      ...(metadata.generation ? { observedGeneration: metadata.generation } : {}),
      ...(lastScaleTime ? { lastScaleTime } : {}),
      ...(currentReplicas ? { currentReplicas } : {}),
      desiredReplicas: found?.desiredReplicas ?? old?.desiredReplicas ?? 0,
      currentMetrics: currentMetrics ?? null,
      conditions: this.#conditions,
    } as HorizontalPodAutoscalerStatus;
    try {
      await writeStatus(this.#autoscaler, status, this.#deps.updateStatus);
    } catch (err) {
      if (!isConflict(err)) this.#warn('FailedUpdateStatus', messageOf(err));
      throw err;
    }
  }
}

const actionOf = (from: number, to: number) => (to > from ? 'scale_up' : to < from ? 'scale_down' : 'none');

/** The autoscalers of a namespace that have a say over one of the pods, as `namespace/name`. */
function rivalsOf(namespace: string, pods: readonly Pod[], memories: ReadonlyMap<string, Memory>): string[] {
  return [...memories]
    .filter(([key, { selector }]) => {
      if (!selector || !key.startsWith(`${namespace}/`)) return false;
      return pods.some((pod) => matchesLabels(selector, pod.metadata.labels));
    })
    .map(([key]) => key);
}

export const horizontalPodAutoscalerController = defineController({
  name: 'horizontal-pod-autoscaler-controller',
  kind,
  concurrency: 5,
  deps: createDeps,
  async reconcile(autoscaler, deps) {
    if (autoscaler.metadata.deletionTimestamp) return undefined;
    const key = keyOf(autoscaler);
    const { clock, log, memories, meter } = deps;
    const known = memories.get(key);
    // Its own writes and those of others to the status bring it here too.
    const leftMs = known && jsonEqual(known.spec, autoscaler.spec) ? known.dueMs - clock.now() : 0;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const memory: Memory = known ?? { dueMs: 0, spec: autoscaler.spec, history: undefined, selector: undefined };
    memory.dueMs = clock.now() + syncMs;
    memory.spec = autoscaler.spec;
    memories.set(key, memory);
    const look = new Look(autoscaler, deps, memory);
    const startMs = clock.monotonicMs();
    try {
      await look.run();
    } catch (err) {
      look.result.error = 'internal';
      // A status that somebody else has written meanwhile, or no server: the next look is not far.
      log.debug({ err, key }, 'an autoscaler could not be brought up to date');
    }
    const { action, error } = look.result;
    meter.hpaLooks.of(action, error).value++;
    meter.hpaSeconds.of(action, error).observe((clock.monotonicMs() - startMs) / 1000);
    return { requeueAfterMs: memory.dueMs - clock.now() };
  },
  forget(key, { memories }) {
    memories.delete(key);
  },
});
