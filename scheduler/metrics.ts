// The scheduler's metrics, under the names and labels Kubernetes' dashboards know.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (scheduler_*)
import { exponentialBuckets, type Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
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

const attemptBuckets = exponentialBuckets(0.001, 2, 15);
/** From so many attempts on they are told as one. */
const manyAttempts = 15;

function createAll(registry: Registry, stateNow: () => SchedulerState | undefined) {
  const { counter, histogram, seen } = metricsIn(registry, 'scheduler_');
  const waiting = () => Object.entries(stateNow()?.pending ?? {});
  seen('gauge', ['pending_pods', 'Pods that wait, by queue.', ['queue']], () =>
    waiting().map(([queue, count]) => [[queue], count]),
  );
  const cached = () => Object.entries(stateNow()?.cache ?? {});
  seen('gauge', ['cache_size', 'What the cache holds.', ['type']], () =>
    cached().map(([type, count]) => [[type], count]),
  );
  const turnedDown = 'Pods that wait, by plugin that turned them down; one may have been turned down by several.';
  seen('gauge', ['unschedulable_pods', turnedDown, ['plugin', 'profile']], () =>
    [...(stateNow()?.rejected ?? [])].flatMap(([profile, plugins]) =>
      [...plugins].map(([plugin, count]) => [[plugin, profile], count] as const),
    ),
  );
  const attempt = ['result', 'profile'];
  const whole = 'Time of an attempt, binding included.';
  const sli = 'Time from the queue to the node, over all attempts.';
  const point = 'Time of all plugins of an extension point.';
  const plugin = 'Time of a plugin at an extension point, in some cycles; of Filter and Score for one node.';
  const handling = 'Time in which pods are found that an event may help.';
  const hint = 'Time in which a plugin says whether an event may help a pod, at some events.';
  const [byPoint, byPlugin] = [
    ['extension_point', 'status', 'profile'],
    ['plugin', 'extension_point', 'status'],
  ];
  const [pointBuckets, pluginBuckets] = [exponentialBuckets(0.0001, 2, 12), exponentialBuckets(0.00001, 1.5, 20)];
  return {
    attempts: counter('schedule_attempts_total', 'Attempts to schedule pods.', attempt),
    attemptSeconds: histogram('scheduling_attempt_duration_seconds', whole, attempt, attemptBuckets),
    algorithmSeconds: histogram(
      'scheduling_algorithm_duration_seconds',
      'Time in which a node is found.',
      [],
      attemptBuckets,
    ),
    podSeconds: histogram('pod_scheduling_sli_duration_seconds', sli, ['attempts'], exponentialBuckets(0.01, 2, 20)),
    podAttempts: histogram('pod_scheduling_attempts', 'Attempts until a pod has its node.', [], [1, 2, 4, 8, 16]),
    pointSeconds: histogram('framework_extension_point_duration_seconds', point, byPoint, pointBuckets),
    pluginSeconds: histogram('plugin_execution_duration_seconds', plugin, byPlugin, pluginBuckets),
    eventSeconds: histogram('event_handling_duration_seconds', handling, ['event'], pointBuckets),
    hintSeconds: histogram(
      'queueing_hint_execution_duration_seconds',
      hint,
      ['plugin', 'event', 'hint'],
      pluginBuckets,
    ),
    incoming: counter('queue_incoming_pods_total', 'Pods added to queues, and why.', ['queue', 'event']),
    preemptions: counter('preemption_attempts_total', 'How often room was looked for that others have.'),
    victims: histogram('preemption_victims', 'How many pods ended for another one.', [], [1, 2, 4, 8, 16, 32, 64]),
  };
}

export class SchedulerMetrics {
  readonly #all: ReturnType<typeof createAll>;
  #state: (() => SchedulerState) | undefined;

  constructor(registry: Registry) {
    this.#all = createAll(registry, () => this.#state?.());
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
          ? this.#all.pluginSeconds.of(plugin.name, point, status)
          : this.#all.pointSeconds.of(point, status, profile);
        cell.observe(ms / 1000);
      },
    );
  }

  found(ms: number): void {
    this.#all.algorithmSeconds.of().observe(ms / 1000);
  }

  attempt(result: AttemptResult, profile: string, ms: number): void {
    this.#all.attempts.of(result, profile).value++;
    this.#all.attemptSeconds.of(result, profile).observe(ms / 1000);
  }

  /** A pod is bound after so many attempts, so long after it came. */
  bound(attempts: number, ms: number): void {
    this.#all.podAttempts.of().observe(attempts);
    const label = attempts >= manyAttempts ? `${manyAttempts}+` : String(attempts);
    this.#all.podSeconds.of(label).observe(ms / 1000);
  }

  incoming(queue: 'active' | 'backoff' | 'unschedulable', event: string): void {
    this.#all.incoming.of(queue, event).value++;
  }

  /** An event was passed on to the pods that wait. */
  handled(event: string, ms: number): void {
    this.#all.eventSeconds.of(event).observe(ms / 1000);
  }

  /** A plugin has answered whether an event may help a pod. */
  hinted(labels: [plugin: string, event: string, hint: 'Queue' | 'QueueSkip'], ms: number): void {
    this.#all.hintSeconds.of(...labels).observe(ms / 1000);
  }

  /** Room is looked for that others have. */
  preempting(): void {
    this.#all.preemptions.of().value++;
  }

  /** Room is made for a pod by ending so many others. */
  preempted(victims: number): void {
    this.#all.victims.of().observe(victims);
  }
}
