// How long rules take to be in force, under kube-proxy's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (kubeproxy_*)
import { exponentialBuckets, Gauge, Histogram, linearBuckets, type Registry } from 'prom-client';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { Clock } from '../../machinery/clock.ts';

const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time';
const programmingBuckets = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
];
const labels = { ip_family: 'IPv4' } as const;

export class ProxyMetrics {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #sync: Histogram<'ip_family'>;
  readonly #programming: Histogram<'ip_family'>;
  readonly #queued: Gauge<'ip_family'>;
  readonly #last: Gauge<'ip_family'>;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.now();
    const shared = { labelNames: ['ip_family'] as const, registers: [registry] };
    const name = (rest: string) => `kubeproxy_${rest}`;
    const sync = {
      name: name('sync_proxy_rules_duration_seconds'),
      help: 'Seconds in which rules were brought up to date.',
    };
    this.#sync = new Histogram({ ...sync, buckets: exponentialBuckets(0.001, 2, 15), ...shared });
    this.#programming = new Histogram({
      name: name('network_programming_duration_seconds'),
      help: 'Seconds from a change of a pod or service to its rules being in force.',
      buckets: programmingBuckets,
      ...shared,
    });
    const queued = { name: name('sync_proxy_rules_last_queued_timestamp_seconds'), help: 'When rules were last due.' };
    this.#queued = new Gauge({ ...queued, ...shared });
    const last = {
      name: name('sync_proxy_rules_last_timestamp_seconds'),
      help: 'When rules were last brought up to date.',
    };
    this.#last = new Gauge({ ...last, ...shared });
  }

  queued(): void {
    this.#queued.set(labels, this.#clock.now() / 1000);
  }

  /** Rules that were begun at that time (monotonic, in milliseconds) are in force; `slices` are those that changed. */
  synced(startMs: number, slices: Iterable<EndpointSlice>): void {
    const nowMs = this.#clock.now();
    this.#sync.observe(labels, (this.#clock.monotonicMs() - startMs) / 1000);
    this.#last.set(labels, nowMs / 1000);
    for (const { metadata } of slices) {
      const changedMs = Date.parse(metadata.annotations?.[triggerTime] ?? '');
      // What changed before this process was there has waited for it, not for the rules.
      if (changedMs >= this.#startMs) this.#programming.observe(labels, Math.max(0, nowMs - changedMs) / 1000);
    }
  }
}
