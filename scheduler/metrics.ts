// The scheduler's metrics, under the names and labels Kubernetes' dashboards know.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (scheduler_*)
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { HotHistogram, HotNumber } from '../machinery/hot-metrics.ts';
import { Meter } from './framework/meter.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** The scheduler as it is when it is asked. */
export interface SchedulerState {
  /** Pods that wait, by queue. */
  pending: Record<'active' | 'backoff' | 'unschedulable' | 'gated', number>;
  cache: Record<'nodes' | 'pods' | 'assumed_pods', number>;
  /** Pods that wait, by profile and by plugin that turned them down. */
  rejected: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** `count` bounds from `first` on, each so many times the one before. */
const bounds = (first: number, factor: number, count: number) =>
  Array.from({ length: count }, (_, i) => first * factor ** i);

const attemptBuckets = bounds(0.001, 2, 15);
/** From so many attempts on they are told as one. */
const manyAttempts = 15;

export class SchedulerMetrics {
  readonly #attempts: HotNumber;
  readonly #attemptSeconds: HotHistogram;
  readonly #algorithmSeconds: HotHistogram;
  readonly #podSeconds: HotHistogram;
  readonly #podAttempts: HotHistogram;
  readonly #pointSeconds: HotHistogram;
  readonly #pluginSeconds: HotHistogram;
  readonly #incoming: HotNumber;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;
  #state: (() => SchedulerState) | undefined;

  constructor(registry: Registry) {
    const name = (rest: string) => `scheduler_${rest}`;
    const counter = (rest: string, help: string, labelNames: string[]) =>
      new HotNumber({ type: 'counter', name: name(rest), help, labelNames, registry });
    const histogram = (rest: string, help: string, buckets: number[], labelNames: string[] = []) =>
      new HotHistogram({ name: name(rest), help, labelNames, buckets, registry });
    const registers = [registry];
    this.#attempts = counter('schedule_attempts_total', 'Attempts to schedule pods.', ['result', 'profile']);
    this.#attemptSeconds = histogram(
      'scheduling_attempt_duration_seconds',
      'Time of an attempt, binding included.',
      attemptBuckets,
      ['result', 'profile'],
    );
    this.#algorithmSeconds = histogram(
      'scheduling_algorithm_duration_seconds',
      'Time in which a node is found.',
      attemptBuckets,
    );
    this.#podSeconds = histogram(
      'pod_scheduling_sli_duration_seconds',
      'Time from the queue to the node, over all attempts.',
      bounds(0.01, 2, 20),
      ['attempts'],
    );
    this.#podAttempts = histogram('pod_scheduling_attempts', 'Attempts until a pod has its node.', bounds(1, 2, 5));
    this.#pointSeconds = histogram(
      'framework_extension_point_duration_seconds',
      'Time of all plugins of an extension point.',
      bounds(0.0001, 2, 12),
      ['extension_point', 'status', 'profile'],
    );
    this.#pluginSeconds = histogram(
      'plugin_execution_duration_seconds',
      'Time of a plugin at an extension point, in some cycles; of Filter and Score for one node.',
      bounds(0.00001, 1.5, 20),
      ['plugin', 'extension_point', 'status'],
    );
    this.#incoming = counter('queue_incoming_pods_total', 'Pods added to queues, and why.', ['queue', 'event']);
    this.#preemptions = new Counter({
      name: name('preemption_attempts_total'),
      help: 'How often room was looked for that others have.',
      registers,
    });
    this.#victims = new Histogram({
      name: name('preemption_victims'),
      help: 'How many pods ended for another one.',
      buckets: bounds(1, 2, 7),
      registers,
    });
    this.#tellState(registry);
  }

  #tellState(registry: Registry): void {
    const gauge = <L extends string>(
      rest: string,
      help: string,
      labelNames: L[],
      tell: (gauge: Gauge<L>, state: SchedulerState) => void,
    ) => {
      const metrics = this;
      new Gauge<L>({
        name: `scheduler_${rest}`,
        help,
        labelNames,
        registers: [registry],
        collect() {
          this.reset();
          const state = metrics.#state?.();
          if (state) tell(this, state);
        },
      });
    };
    gauge('pending_pods', 'Pods that wait, by queue.', ['queue'], (told, { pending }) => {
      for (const [queue, count] of Object.entries(pending)) told.set({ queue }, count);
    });
    gauge('cache_size', 'What the cache holds.', ['type'], (told, { cache }) => {
      for (const [type, count] of Object.entries(cache)) told.set({ type }, count);
    });
    const why = 'Pods that wait, by plugin that turned them down; one may have been turned down by several.';
    gauge('unschedulable_pods', why, ['plugin', 'profile'], (told, { rejected }) => {
      for (const [profile, plugins] of rejected)
        for (const [plugin, count] of plugins) told.set({ plugin, profile }, count);
    });
  }

  /** From now on `state` is asked when somebody looks. */
  follow(state: () => SchedulerState): void {
    this.#state = state;
  }

  /** A meter for the cycles of a profile. */
  meter(profile: string, clock: Clock): Meter {
    return new Meter(
      () => clock.monotonicMs(),
      (point, status, ms, plugin) => {
        const cell = plugin
          ? this.#pluginSeconds.of(plugin.name, point, status)
          : this.#pointSeconds.of(point, status, profile);
        cell.observe(ms / 1000);
      },
    );
  }

  found(ms: number): void {
    this.#algorithmSeconds.of().observe(ms / 1000);
  }

  attempt(result: AttemptResult, profile: string, ms: number): void {
    this.#attempts.of(result, profile).value++;
    this.#attemptSeconds.of(result, profile).observe(ms / 1000);
  }

  /** A pod is bound after so many attempts, so long after it came. */
  bound(attempts: number, ms: number): void {
    this.#podAttempts.of().observe(attempts);
    const label = attempts >= manyAttempts ? `${manyAttempts}+` : String(attempts);
    this.#podSeconds.of(label).observe(ms / 1000);
  }

  incoming(queue: 'active' | 'backoff' | 'unschedulable', event: string): void {
    this.#incoming.of(queue, event).value++;
  }

  /** Room is looked for that others have. */
  preempting(): void {
    this.#preemptions.inc();
  }

  /** Room is made for a pod by ending so many others. */
  preempted(victims: number): void {
    this.#victims.observe(victims);
  }
}
