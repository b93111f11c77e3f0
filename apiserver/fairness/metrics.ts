// What priority and fairness tells of itself, under Kubernetes' names.
import type { Registry } from 'prom-client';
import { type HotNumber, metricsIn } from '../../machinery/hot-metrics.ts';
import type { Refusal } from './level.ts';

export interface FlowLabels {
  priority_level: string;
  flow_schema: string;
}

export interface FairnessMetrics {
  /** A request has its turn after `seconds`, or is refused. */
  decided(labels: FlowLabels, refused: Refusal | undefined, seconds: number): void;
  /** A request takes so many seats. */
  estimated(labels: FlowLabels, seats: number): void;
  /** Counts a request that waits; what is returned ends it. */
  waiting(labels: FlowLabels): () => void;
  /** Counts a request that is worked on, in so many seats; what is returned ends it after so many seconds. */
  executing(labels: FlowLabels, seats: number, isWatch: boolean): (seconds: number) => void;
  seats(level: string, seats: number): void;
}

const labelNames = ['priority_level', 'flow_schema'];
const waitBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

export function createFairnessMetrics(registry: Registry): FairnessMetrics {
  const { counter, gauge, histogram } = metricsIn(registry, 'apiserver_flowcontrol_');
  const dispatched = counter('dispatched_requests_total', 'Requests that have had their turn.', labelNames);
  const why = [...labelNames, 'reason'];
  const rejected = counter('rejected_requests_total', 'Requests that were refused, and why.', why);
  const execute = [...labelNames, 'execute'];
  const waited = histogram('request_wait_duration_seconds', 'How long requests have waited.', execute, waitBuckets);
  const type = [...labelNames, 'type'];
  const took = histogram('request_execution_seconds', 'How long they were worked on.', type, waitBuckets);
  const widths = histogram('work_estimated_seats', 'Seats of a request.', labelNames, [1, 2, 4, 8, 16, 32, 64, 100]);
  const inQueue = gauge('current_inqueue_requests', 'Requests that wait.', labelNames);
  const now = gauge('current_executing_requests', 'Requests that are worked on.', labelNames);
  const taken = gauge('current_executing_seats', 'Seats of those.', labelNames);
  const nominal = gauge('nominal_limit_seats', 'Seats of a level.', ['priority_level']);
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
    estimated: ({ priority_level, flow_schema }, seats) => widths.of(priority_level, flow_schema).observe(seats),
    waiting: (labels) => counted(inQueue, labels),
    executing(labels, seats, isWatch) {
      const { priority_level, flow_schema } = labels;
      const ended = counted(now, labels);
      const cell = taken.of(priority_level, flow_schema);
      cell.value += seats;
      return (seconds) => {
        ended();
        cell.value -= seats;
        took.of(priority_level, flow_schema, isWatch ? 'watch' : 'regular').observe(seconds);
      };
    },
    seats(level, seats) {
      nominal.of(level).value = seats;
    },
  };
}
