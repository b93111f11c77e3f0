// The scheduler's metrics, under the names Kubernetes' dashboards know.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface SchedulerMetrics {
  attempt(result: 'scheduled' | 'unschedulable' | 'error', durationMs: number): void;
  /** Room is made for a pod by ending so many others. */
  preempted(victims: number): void;
}

const buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];
const victimBuckets = [1, 2, 4, 8, 16, 32, 64];

export function createSchedulerMetrics(
  registry: Registry,
  counts: () => { active: number; backoff: number; unschedulable: number; gated: number },
): SchedulerMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to schedule pods, by result.',
    labelNames: ['result'],
    registers,
  });
  const duration = new Histogram({
    name: 'scheduler_scheduling_algorithm_duration_seconds',
    help: 'Time of one scheduling cycle.',
    buckets,
    registers,
  });
  const preemptions = new Counter({
    name: 'scheduler_preemption_attempts_total',
    help: 'How often room was made for a pod.',
    registers,
  });
  const victimCounts = new Histogram({
    name: 'scheduler_preemption_victims',
    help: 'How many pods ended for another one.',
    buckets: victimBuckets,
    registers,
  });
  new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that wait, by queue.',
    labelNames: ['queue'],
    registers,
    collect() {
      for (const [queue, count] of Object.entries(counts())) this.set({ queue }, count);
    },
  });
  return {
    attempt(result, durationMs) {
      attempts.inc({ result });
      duration.observe(durationMs / 1000);
    },
    preempted(victims) {
      preemptions.inc();
      victimCounts.observe(victims);
    },
  };
}
