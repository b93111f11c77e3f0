// What priority and fairness tells of itself, under Kubernetes' names.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
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
  const registers = [registry];
  const name = (rest: string) => `apiserver_flowcontrol_${rest}`;
  const gauge = (rest: string, help: string, labels = labelNames) =>
    new Gauge({ name: name(rest), help, labelNames: labels, registers });
  const dispatched = new Counter({
    name: name('dispatched_requests_total'),
    help: 'Requests that have had their turn.',
    labelNames,
    registers,
  });
  const rejected = new Counter({
    name: name('rejected_requests_total'),
    help: 'Requests that were refused, and why.',
    labelNames: [...labelNames, 'reason'],
    registers,
  });
  const waited = new Histogram({
    name: name('request_wait_duration_seconds'),
    help: 'How long requests have waited.',
    labelNames: [...labelNames, 'execute'],
    buckets: waitBuckets,
    registers,
  });
  const inQueue = gauge('current_inqueue_requests', 'Requests that wait.');
  const now = gauge('current_executing_requests', 'Requests that are worked on.');
  const nominal = gauge('nominal_limit_seats', 'Seats of a level.', ['priority_level']);
  const counted = (of: Gauge, labels: FlowLabels) => {
    of.inc({ ...labels });
    return () => of.dec({ ...labels });
  };
  return {
    decided(labels, refused, seconds) {
      waited.observe({ ...labels, execute: String(refused === undefined) }, seconds);
      if (refused === undefined) dispatched.inc({ ...labels });
      else rejected.inc({ ...labels, reason: refused });
    },
    waiting: (labels) => counted(inQueue, labels),
    executing: (labels) => counted(now, labels),
    seats: (level, seats) => nominal.set({ priority_level: level }, seats),
  };
}
