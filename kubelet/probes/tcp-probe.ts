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
  (probe, { container, podIp }) =>
    new Promise((resolve) => {
      const host = probe.tcpSocket?.host || podIp;
      const port = resolvePort(probe.tcpSocket!.port, container);
      const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      const socket = connect({ host, port });
      const finish = (result: ProbeResult) => {
        timer.cancel();
        socket.destroy();
        resolve(result);
      };
      const timer = clock.after(timeoutMsOf(probe), () => finish(failure(`dial tcp ${address}: i/o timeout`)));
      socket.once('connect', () => finish(success()));
      socket.once('error', (err: NodeJS.ErrnoException) => finish(failure(describeDialError(err, address))));
    });
