// What work queues tell of themselves, under the names that Kubernetes' dashboards know.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (workqueue_*)
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

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
  readonly #adds: Counter<'name'>;
  readonly #retries: Counter<'name'>;
  readonly #waits: Histogram<'name'>;
  readonly #works: Histogram<'name'>;

  constructor(registry: Registry) {
    const common = { labelNames: ['name'] as const, registers: [registry] };
    const adds = { name: 'workqueue_adds_total', help: 'Keys added to the queue.' };
    const retries = { name: 'workqueue_retries_total', help: 'Keys tried again after a failure.' };
    const waits = { name: 'workqueue_queue_duration_seconds', help: 'How long keys wait in the queue.', buckets };
    const works = { name: 'workqueue_work_duration_seconds', help: 'How long one pass over a key takes.', buckets };
    this.#adds = new Counter({ ...adds, ...common });
    this.#retries = new Counter({ ...retries, ...common });
    this.#waits = new Histogram({ ...waits, ...common });
    this.#works = new Histogram({ ...works, ...common });
    const sum = (all: number[]) => all.reduce((a, b) => a + b, 0) / 1000;
    this.#gauge(common, 'workqueue_depth', 'Keys that wait in the queue.', ({ depth }) => depth);
    const unfinished = 'Seconds of work that is under way; much of it means that something hangs.';
    this.#gauge(common, 'workqueue_unfinished_work_seconds', unfinished, ({ workingMs }) => sum(workingMs));
    const longest = 'Seconds that the longest pass under way has taken.';
    const longestOf = ({ workingMs }: QueueState) => Math.max(0, ...workingMs) / 1000;
    this.#gauge(common, 'workqueue_longest_running_processor_seconds', longest, longestOf);
  }

  #gauge(common: object, name: string, help: string, value: (state: QueueState) => number): void {
    const states = this.#states;
    new Gauge<'name'>({
      name,
      help,
      ...common,
      collect() {
        for (const [queue, state] of states) this.set({ name: queue }, value(state()));
      },
    });
  }

  /** Counts for a queue; the last one of a name is the one that is told of. */
  of(name: string, state: () => QueueState): QueueMetrics {
    this.#states.set(name, state);
    return {
      added: () => this.#adds.inc({ name }),
      taken: (ms) => this.#waits.observe({ name }, ms / 1000),
      done: (ms) => this.#works.observe({ name }, ms / 1000),
      retried: () => this.#retries.inc({ name }),
    };
  }
}
