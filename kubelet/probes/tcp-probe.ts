// Probe by connection: succeeds when the port accepts one. Upstream: pkg/probe/tcp.
import { connect } from 'node:net';
import type { Clock } from '../../machinery/clock.ts';
import {
  describeDialError,
  failure,
  type ProbeResult,
  type Prober,
  resolvePort,
  success,
  timeoutMsOf,
} from './probe-result.ts';

export const createTcpProber =
  (clock: Clock): Prober =>
  async (probe, { container, podIp }) => {
    const host = probe.tcpSocket?.host || podIp;
    const port = resolvePort(probe.tcpSocket!.port, container);
    return dial(clock, { host, port, timeoutMs: timeoutMsOf(probe) });
  };

function dial(
  clock: Clock,
  { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
): Promise<ProbeResult> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (result: ProbeResult) => {
      timer.cancel();
      socket.destroy();
      resolve(result);
    };
    const timer = clock.after(timeoutMs, () => finish(failure(`dial tcp ${address}: i/o timeout`)));
    socket.once('connect', () => finish(success()));
    socket.once('error', (err: NodeJS.ErrnoException) => finish(failure(describeDialError(err, address))));
  });
}
