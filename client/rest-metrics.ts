// What requests to the API server come to, under the names that Kubernetes' dashboards know.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (rest_client_*)
import { Counter, Histogram, type Registry } from 'prom-client';
import type { TransportOptions } from './transport.ts';

const buckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export class RestMetrics {
  readonly #requests: Counter<'code' | 'host' | 'method'>;
  readonly #durations: Histogram<'host' | 'verb'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'rest_client_requests_total',
      help: 'Requests by how they were answered, by method and host.',
      labelNames: ['code', 'host', 'method'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'rest_client_request_duration_seconds',
      help: 'Seconds until the answer to a request began.',
      labelNames: ['host', 'verb'],
      buckets,
      registers,
    });
  }

  /** Counts the requests to a server. */
  of(server: string): NonNullable<TransportOptions['onAnswer']> {
    const { host } = new URL(server);
    return ({ method }, status, tookMs) => {
      this.#requests.inc({ code: status === undefined ? '<error>' : String(status), host, method });
      this.#durations.observe({ host, verb: method }, tookMs / 1000);
    };
  }
}
