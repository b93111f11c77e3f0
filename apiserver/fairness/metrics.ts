// What priority and fairness tells of itself, under Kubernetes' names.
import type { Registry } from 'prom-client';
import { HotHistogram, HotNumber } from '../../machinery/hot-metrics.ts';
import type { Refusal } from './level.ts';

export interface FlowLabels {
  priority_level: string;
  flow_schema: string;
}

export interface FairnessMetrics {
  /** A request has its turn after `seconds`, or is refused. */
  decided(labels: FlowLabels, refused: Refusal | undefined, seconds: number): void;
  /** Counts a request that waits, that is worked on; what is returned ends it. */
  waiting(labels: FlowLabels): () => void;
  executing(labels: FlowLabels): () => void;
  seats(level: string, seats: number): void;
}

const labelNames = ['priority_level', 'flow_schema'];
const waitBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

export function createFairnessMetrics(registry: Registry): FairnessMetrics {
  const name = (rest: string) => `apiserver_flowcontrol_${rest}`;
  const number = (type: 'counter' | 'gauge', rest: string, help: string, labels = labelNames) =>
    new HotNumber({ type, name: name(rest), help, labelNames: labels, registry });
  const dispatched = number('counter', 'dispatched_requests_total', 'Requests that have had their turn.');
  const why = [...labelNames, 'reason'];
  const rejected = number('counter', 'rejected_requests_total', 'Requests that were refused, and why.', why);
  const waited = new HotHistogram({
    name: name('request_wait_duration_seconds'),
    help: 'How long requests have waited.',
    labelNames: [...labelNames, 'execute'],
    buckets: waitBuckets,
    registry,
  });
  const inQueue = number('gauge', 'current_inqueue_requests', 'Requests that wait.');
  const now = number('gauge', 'current_executing_requests', 'Requests that are worked on.');
  const nominal = number('gauge', 'nominal_limit_seats', 'Seats of a level.', ['priority_level']);
  const counted = (of: HotNumber, { priority_level, flow_schema }: FlowLabels) => {
    const cell = of.of(priority_level, flow_schema);
    cell.value++;
    return () => void cell.value--;
  };
  return {
    decided({ priority_level, flow_schema }, refused, seconds) {
      waited.of(priority_level, flow_schema, String(refused === undefined)).observe(seconds);
      if (refused === undefined) dispatched.of(priority_level, flow_schema).value++;
      else rejected.of(priority_level, flow_schema, refused).value++;
    },
    waiting: (labels) => counted(inQueue, labels),
    executing: (labels) => counted(now, labels),
    seats(level, seats) {
      nominal.of(level).value = seats;
    },
  };
}
