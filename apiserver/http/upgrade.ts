// Connections that leave HTTP: exec, attach, port-forward and proxy. After the handshake with the next hop (a kubelet, a pod) the server only
// carries bytes both ways; the protocols are spoken by the ends.

import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { badRequestError, StatusError } from '../../machinery/errors.ts';
import type { KubeletAccess } from '../kubelet-access.ts';
import type { UpgradeTarget } from '../subresources/handler.ts';
import type { FrontResponse } from './front.ts';

// Headers that speak of the client's connection or identity and end here.
const ownHeaders = new Set(['host', 'authorization', 'content-length']);

const endsHere = (name: string) => ownHeaders.has(name) || name.startsWith('impersonate-');

export interface UpgradeRequest {
  message: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

/** Sends the upgrade on to `target` and joins the two connections. */
export function forwardUpgrade(request: UpgradeRequest, target: UpgradeTarget, kubelets: KubeletAccess): void {
  const { message, socket, head } = request;
  const { host, port } = target;
  const firstLines = requestHead(message, target);
  // Only kubelets are shown our certificate; what a pod presents nobody can check.
  const tls = target.kubelet ? kubelets.tlsOptions() : { rejectUnauthorized: false };
  const upstream: Socket = target.tls
    ? connectTls({ host, port, ...tls, ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port });
  let joined = false;
  upstream.once(target.tls ? 'secureConnect' : 'connect', () => {
    joined = true;
    upstream.setNoDelay(true);
    (socket as Partial<Socket>).setNoDelay?.(true);
    upstream.write(firstLines);
    if (head.length > 0) upstream.write(head);
    socket.pipe(upstream);
    upstream.pipe(socket);
  });
  upstream.on('error', (err) => {
    if (joined) socket.destroy();
    else
      refuseUpgrade(
        socket,
        new StatusError(500, 'InternalError', `error dialing backend: ${err.message}`, { cause: err }),
      );
  });
  socket.on('error', () => upstream.destroy());
  socket.on('close', () => upstream.destroy());
  upstream.on('close', () => socket.end());
}

/** The request as the next hop gets it. Throws where its path would not stay one line: what follows would be a request of its own. */
export function requestHead(message: Pick<IncomingMessage, 'method' | 'rawHeaders'>, target: UpgradeTarget): string {
  if (/[^\x21-\x7e]/.test(target.path)) throw badRequestError('the path of the request cannot be passed on');
  const lines = [`${message.method} ${target.path} HTTP/1.1`, `Host: ${target.host}:${target.port}`];
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i]!;
    if (!endsHere(name.toLowerCase())) lines.push(`${name}: ${message.rawHeaders[i + 1]}`);
  }
  for (const [name, value] of Object.entries(target.headers ?? {})) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Answers a request for an upgrade in plain HTTP, and ends the connection. */
export function endInHttp(socket: Duplex, { code, headers, body }: FrontResponse): void {
  const head = [`HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`];
  for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) head.push(`${name}: ${one}`);
  head.push(`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close');
  socket.on('error', () => socket.destroy());
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.end(body);
}

/** Refuses an upgrade. */
export function refuseUpgrade(socket: Duplex, err: StatusError): void {
  const body = `${JSON.stringify(err.toStatus())}\n`;
  endInHttp(socket, { code: err.code, headers: { 'content-type': 'application/json' }, body });
}
