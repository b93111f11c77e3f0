// The outcome of one probe. An error of probing itself is unknown: it changes nothing, and is told.

import type { Container } from '../../api/core/pod/container.ts';
import type { Probe } from '../../api/core/pod/probe.ts';
import type { Pod } from '../../api/core/pod.ts';

export interface ProbeResult {
  outcome: 'success' | 'failure' | 'unknown';
  output: string;
  /** A success that somebody should look at: it is told, too. */
  isWarning?: boolean;
}

export interface ProbeTarget {
  pod: Pod;
  container: Container;
  containerId: string;
  podIp: string;
}

/** What is read of what a container answers. */
export const maxAnswerBytes = 10 << 10;

/** The beginning of what a command wrote. */
export const beginningOf = (...output: Uint8Array[]) => Buffer.concat(output).subarray(0, maxAnswerBytes).toString();

/** Runs one probe. */
export type Prober = (probe: Probe, target: ProbeTarget) => Promise<ProbeResult>;

export const success = (output = ''): ProbeResult => ({ outcome: 'success', output });
export const warning = (output: string): ProbeResult => ({ outcome: 'success', output, isWarning: true });
export const failure = (output: string): ProbeResult => ({ outcome: 'failure', output });
export const unknown = (output: string): ProbeResult => ({ outcome: 'unknown', output });

/** A port by number or by the name it has in the container. Throws when there is none of that name. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((p) => p.name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new Error(`couldn't find port: "${port}" in container ${container.name}`);
  }
  return number;
}

export const timeoutMsOf = (probe: Probe) => (probe.timeoutSeconds ?? 1) * 1000;

/** The words of Go's net package for a connection that failed. */
export function describeDialError(err: NodeJS.ErrnoException, address: string): string {
  const words: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ECONNRESET: 'read: connection reset by peer',
  };
  if (err.code === 'ENOTFOUND') return `lookup ${address.replace(/:\d+$/, '')}: no such host`;
  return `dial tcp ${address}: ${words[err.code ?? ''] ?? err.message}`;
}
