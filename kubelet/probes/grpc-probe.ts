// Probe by the gRPC health service: succeeds when it answers SERVING. The two messages are so small
// that they are coded here.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md Upstream: pkg/probe/grpc.
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import type { Clock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { failure, type Prober, success, timeoutMsOf, unknown } from './probe-result.ts';

const method = '/grpc.health.v1.Health/Check';
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** HealthCheckRequest: field 1 is the service's name. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return Buffer.alloc(0);
  const length: number[] = [];
  for (let rest = name.length; ; rest >>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** HealthCheckResponse: field 1 is the status. */
export const decodeHealthResponse = (bytes: Buffer): string =>
  servingStatuses[bytes[0] === 0x08 ? bytes[1]! : 0] ?? 'UNKNOWN';

export const createGrpcProber =
  (clock: Clock): Prober =>
  async (probe, { podIp }) => {
    const { port, service = '' } = probe.grpc!;
    const address = `${podIp.includes(':') ? `[${podIp}]` : podIp}:${port}`;
    const client = new Client(address, credentials.createInsecure());
    const timeoutMs = timeoutMsOf(probe);
    try {
      const answer = await check(client, service, new Date(clock.now() + timeoutMs));
      return answer === 'SERVING' ? success(answer) : failure(`service unhealthy (responded with "${answer}")`);
    } catch (err) {
      if (!isRpcError(err)) return unknown(messageOf(err));
      if (err.code === status.DEADLINE_EXCEEDED || err.code === status.UNAVAILABLE) {
        const within = `${timeoutMs / 1000}s`;
        return failure(`timeout: failed to connect service "${address}" within ${within}: context deadline exceeded`);
      }
      if (err.code === status.UNIMPLEMENTED) {
        return failure(
          `this server does not implement the grpc health protocol (grpc.health.v1.Health): ${err.details}`,
        );
      }
      return failure(`health rpc probe failed: ${err.details}`);
    } finally {
      client.close();
    }
  };

function check(client: Client, service: string, deadline: Date): Promise<string> {
  const metadata = new Metadata({ waitForReady: true });
  metadata.set('user-agent', 'kube-probe/1.36');
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method,
      (name: string) => encodeHealthRequest(name),
      decodeHealthResponse,
      service,
      metadata,
      { deadline },
      (err, answer) => (err ? reject(err) : resolve(answer ?? 'UNKNOWN')),
    );
  });
}
