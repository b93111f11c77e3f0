// Request counters and latencies under the names that Kubernetes' dashboards know.
import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { HotHistogram, HotNumber } from '../machinery/hot-metrics.ts';
import type { RequestInfo } from './request-info.ts';

export interface RequestMetrics {
  /** Counts a request as under way; the returned function ends it with its code. */
  begin(info: RequestInfo): (code: number) => void;
}

/** Counts stored objects that cannot be decoded, by the prefix of their keys. */
export function countUnreadable(registry: Registry): (prefix: string) => void {
  const counter = new Counter({
    name: 'apiserver_storage_decode_errors_total',
    help: 'Objects in etcd that cannot be decoded.',
    labelNames: ['resource'],
    registers: [registry],
  });
  return (prefix) => counter.inc({ resource: prefix.replace(/^\/registry\/|\/$/g, '') });
}

const readingVerbs = new Set(['get', 'list', 'watch']);
const durationBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60];

export function createRequestMetrics(registry: Registry, clock: Clock): RequestMetrics {
  const labelNames = ['verb', 'group', 'version', 'resource', 'subresource'];
  const total = new HotNumber({
    type: 'counter',
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource and response code.',
    labelNames: [...labelNames, 'code'],
    registry,
  });
  const duration = new HotHistogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Response time by verb and resource, without watches.',
    labelNames,
    buckets: durationBuckets,
    registry,
  });
  const inFlight = new HotNumber({
    type: 'gauge',
    name: 'apiserver_current_inflight_requests',
    help: 'Requests under way.',
    labelNames: ['request_kind'],
    registry,
  });
  return {
    begin({ verb, group, version, resource, subresource }) {
      const labels = [verb.toUpperCase(), group, version, resource, subresource] as const;
      const underWay = inFlight.of(readingVerbs.has(verb) ? 'readOnly' : 'mutating');
      underWay.value++;
      const startMs = clock.monotonicMs();
      return (code) => {
        underWay.value--;
        total.of(...labels, String(code)).value++;
        if (verb !== 'watch') duration.of(...labels).observe((clock.monotonicMs() - startMs) / 1000);
      };
    },
  };
}
