// How long rules take to be in force, under kube-proxy's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (kubeproxy_*)
import { exponentialBuckets, linearBuckets, type Registry } from 'prom-client';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { Clock } from '../../machinery/clock.ts';
import { type HotHistogram, type HotNumber, metricsIn } from '../../machinery/hot-metrics.ts';

const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time';
const programmingBuckets = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
];
const family = 'IPv4';

export class ProxyMetrics {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #sync: HotHistogram;
  readonly #programming: HotHistogram;
  readonly #queued: HotNumber;
  readonly #last: HotNumber;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.now();
    const { gauge, histogram } = metricsIn(registry, 'kubeproxy_');
    const by = ['ip_family'];
    const sync = 'Seconds in which rules were brought up to date.';
    this.#sync = histogram('sync_proxy_rules_duration_seconds', sync, by, exponentialBuckets(0.001, 2, 15));
    const programming = 'Seconds from a change of a pod or service to its rules being in force.';
    this.#programming = histogram('network_programming_duration_seconds', programming, by, programmingBuckets);
    this.#queued = gauge('sync_proxy_rules_last_queued_timestamp_seconds', 'When rules were last due.', by);
    const last = 'When rules were last brought up to date.';
    this.#last = gauge('sync_proxy_rules_last_timestamp_seconds', last, by);
  }

  queued(): void {
    this.#queued.of(family).value = this.#clock.now() / 1000;
  }

  /** Rules that were begun at that time (monotonic, in milliseconds) are in force; `slices` are those that changed. */
  synced(startMs: number, slices: Iterable<EndpointSlice>): void {
    const nowMs = this.#clock.now();
    this.#sync.of(family).observe((this.#clock.monotonicMs() - startMs) / 1000);
    this.#last.of(family).value = nowMs / 1000;
    for (const { metadata } of slices) {
      const changedMs = Date.parse(metadata.annotations?.[triggerTime] ?? '');
      // What changed before this process was there has waited for it, not for the rules.
      if (changedMs >= this.#startMs) this.#programming.of(family).observe(Math.max(0, nowMs - changedMs) / 1000);
    }
  }
}
