// What requests to the API server come to, under the names that Kubernetes' dashboards know.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (rest_client_*)
import type { Registry } from 'prom-client';
import { type HotHistogram, type HotNumber, metricsIn } from '../machinery/hot-metrics.ts';
import type { TransportOptions } from './transport.ts';

const buckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export class RestMetrics {
  readonly #requests: HotNumber;
  readonly #durations: HotHistogram;

  constructor(registry: Registry) {
    const { counter, histogram } = metricsIn(registry, 'rest_client_');
    const requests = 'Requests by how they were answered, by method and host.';
    this.#requests = counter('requests_total', requests, ['code', 'host', 'method']);
    const durations = 'Seconds until the answer to a request began.';
    this.#durations = histogram('request_duration_seconds', durations, ['host', 'verb'], buckets);
  }

  /** Counts the requests to a server. */
  of(server: string): NonNullable<TransportOptions['onAnswer']> {
    const { host } = new URL(server);
    return ({ method }, status, tookMs) => {
      this.#requests.of(status === undefined ? '<error>' : String(status), host, method).value++;
      this.#durations.of(host, method).observe(tookMs / 1000);
    };
  }
}
