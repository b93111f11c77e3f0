// Metrics of the kubelet, under upstream's names.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { PodSet } from './pods/pod-set.ts';
import { isRunning, readySandbox } from './pods/runtime-state.ts';

export interface KubeletMetrics {
  /** A pod became ready so long after the kubelet took it on. */
  observePodStart(durationMs: number): void;
  /** A pod was evicted for what the signal measures. */
  countEviction(signal: string): void;
}

export function registerMetrics(registry: Registry, podSet: () => PodSet | undefined): KubeletMetrics {
  const count = (of: (pods: PodSet) => number) =>
    function (this: Gauge) {
      const pods = podSet();
      this.set(pods ? of(pods) : 0);
    };
  new Gauge({
    name: 'kubelet_running_pods',
    help: 'Pods that have a running sandbox.',
    registers: [registry],
    collect: count((pods) => pods.list().filter((w) => readySandbox(w.runtime.state)).length),
  });
  new Gauge({
    name: 'kubelet_running_containers',
    help: 'Containers that run.',
    registers: [registry],
    collect: count((pods) => pods.list().reduce((n, w) => n + w.runtime.state.containers.filter(isRunning).length, 0)),
  });
  const podStart = new Histogram({
    name: 'kubelet_pod_start_duration_seconds',
    help: 'Seconds from the moment the kubelet sees a pod to its containers being ready.',
    buckets: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300],
    registers: [registry],
  });
  const evictions = new Counter({
    name: 'kubelet_evictions',
    help: 'Pods that were evicted, by the signal that was over its limit.',
    labelNames: ['eviction_signal'],
    registers: [registry],
  });
  return {
    observePodStart: (durationMs) => podStart.observe(durationMs / 1000),
    countEviction: (signal) => evictions.inc({ eviction_signal: signal }),
  };
}
