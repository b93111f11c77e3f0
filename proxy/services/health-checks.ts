// Answers load balancers that ask whether this node has endpoints of a Service with
// externalTrafficPolicy Local: one HTTP server for each such Service, on its healthCheckNodePort.
// Upstream counterpart: kube-proxy's service health server.
// https://kubernetes.io/docs/reference/networking/virtual-ips/#external-traffic-policy
import { createServer, type Server } from 'node:http';
import { needsHealthPort } from '../../api/core/service/allocated-fields.ts';
import type { Service } from '../../api/core/service.ts';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { Logger } from '../../machinery/log.ts';

export interface HealthCheck {
  namespace: string;
  name: string;
  port: number;
  /** Ready endpoints on this node, each once, whatever its ports. */
  localEndpoints: number;
}

/** What a Service wants to be answered here; undefined for most. */
export function modelHealthCheck(
  { metadata, spec }: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): HealthCheck | undefined {
  const { healthCheckNodePort: port } = spec;
  if (!needsHealthPort(spec) || !port) return undefined;
  const local = slices
    .filter((slice) => slice.addressType === 'IPv4')
    .flatMap((slice) => slice.endpoints ?? [])
    .filter((endpoint) => endpoint.nodeName === nodeName && endpoint.conditions?.ready !== false);
  const localEndpoints = new Set(local.map((endpoint) => endpoint.addresses[0])).size;
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '', port, localEndpoints };
}

interface Running {
  check: HealthCheck;
  server: Server;
}

const maxConnections = 64;

export class HealthChecks {
  readonly #log: Logger;
  readonly #running = new Map<number, Running>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Answers these from now on, and no others. A port that is taken is tried again at the next update. */
  update(checks: readonly HealthCheck[]): void {
    const wanted = new Map(checks.map((check) => [check.port, check]));
    for (const [port, { server }] of this.#running) if (!wanted.has(port)) this.#end(port, server);
    for (const [port, check] of wanted) {
      const running = this.#running.get(port);
      if (running) running.check = check;
      else this.#begin(check);
    }
  }

  close(): void {
    this.update([]);
  }

  #begin(check: HealthCheck): void {
    const { port } = check;
    const server = createServer((_request, response) => {
      const { namespace, name, localEndpoints } = running.check;
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(localEndpoints),
      });
      const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: true };
      response.end(`${JSON.stringify(body, undefined, '\t')}\n`);
    });
    const running: Running = { check, server };
    this.#running.set(port, running);
    server.maxConnections = maxConnections;
    server.on('error', (err) => {
      this.#log.warn(
        { err, port, service: `${check.namespace}/${check.name}` },
        'a health check port cannot be served',
      );
      if (this.#running.get(port) === running) this.#running.delete(port);
    });
    server.listen(port, '0.0.0.0');
  }

  #end(port: number, server: Server): void {
    this.#running.delete(port);
    server.close();
    server.closeAllConnections();
  }
}
