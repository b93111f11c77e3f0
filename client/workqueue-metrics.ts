// What work queues tell of themselves, under the names that Kubernetes' dashboards know.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (workqueue_*)
import type { Registry } from 'prom-client';
import { metricsIn } from '../machinery/hot-metrics.ts';

/** Told of one queue; times are milliseconds. */
export interface QueueMetrics {
  added(): void;
  /** A key is taken after it waited so long. */
  taken(waitedMs: number): void;
  done(tookMs: number): void;
  retried(): void;
}

/** A queue as it is when it is asked: keys that wait, and since when each key is worked on, in milliseconds. */
export interface QueueState {
  depth: number;
  workingMs: number[];
}

const buckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

/** Metrics of the queues of a component, by their names. */
export class WorkQueueMetrics {
  readonly #states = new Map<string, () => QueueState>();
  readonly #all: ReturnType<typeof createAll>;

  constructor(registry: Registry) {
    this.#all = createAll(registry, this.#states);
  }

  /** Counts for a queue; the last one of a name is the one that is told of. */
  of(name: string, state: () => QueueState): QueueMetrics {
    this.#states.set(name, state);
    const { adds, retries, waits, works } = this.#all;
    return {
      added: () => void adds.of(name).value++,
      taken: (ms) => waits.of(name).observe(ms / 1000),
      done: (ms) => works.of(name).observe(ms / 1000),
      retried: () => void retries.of(name).value++,
    };
  }
}

function createAll(registry: Registry, states: ReadonlyMap<string, () => QueueState>) {
  const { counter, histogram, seen } = metricsIn(registry, 'workqueue_');
  const by = ['name'];
  const stateOf = (name: string, help: string, value: (state: QueueState) => number) =>
    seen('gauge', [name, help, by], () => [...states].map(([queue, state]) => [[queue], value(state())]));
  stateOf('depth', 'Keys that wait in the queue.', ({ depth }) => depth);
  const unfinished = 'Seconds of work that is under way; much of it means that something hangs.';
  stateOf('unfinished_work_seconds', unfinished, ({ workingMs }) => workingMs.reduce((a, b) => a + b, 0) / 1000);
  const longest = 'Seconds that the longest pass under way has taken.';
  stateOf('longest_running_processor_seconds', longest, ({ workingMs }) => Math.max(0, ...workingMs) / 1000);
  return {
    adds: counter('adds_total', 'Keys added to the queue.', by),
    retries: counter('retries_total', 'Keys tried again after a failure.', by),
    waits: histogram('queue_duration_seconds', 'How long keys wait in the queue.', by, buckets),
    works: histogram('work_duration_seconds', 'How long one pass over a key takes.', by, buckets),
  };
}
