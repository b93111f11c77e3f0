// Connections that leave HTTP: exec, attach, port-forward and proxy. After the handshake with the
// next hop (a kubelet, a pod) the server only carries bytes both ways; the protocols are spoken by
// the ends.

import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { endTogether } from '../../host/joined-ends.ts';
import { badRequestError, StatusError } from '../../machinery/errors.ts';
import { renderAnswerHead, renderPassedOnHead } from '../../machinery/http-text.ts';
import { describeNetworkError } from '../../machinery/network-error.ts';
import type { KubeletAccess } from '../kubelet-access.ts';
import type { UpgradeTarget } from '../subresources/handler.ts';
import { wholeOf } from './body.ts';
import type { FrontResponse } from './front.ts';

/** Beside what speaks of the connection: whom the client acts as has been judged here. */
const isImpersonation = (name: string) => name.startsWith('impersonate-');

/** What connecting to the next hop may take. */
const dialTimeoutMs = 30_000;

interface UpgradeRequest {
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
  const own = target.tlsOptions ?? { rejectUnauthorized: false };
  const tls = target.kubelet ? kubelets.tlsOptions(target.kubelet) : own;
  const upstream: Socket = target.tls
    ? connectTls({ host, port, ...tls, ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port });
  let joined = false;
  upstream.setTimeout(dialTimeoutMs, () => upstream.destroy(new Error('i/o timeout')));
  upstream.once(target.tls ? 'secureConnect' : 'connect', () => {
    joined = true;
    upstream.setTimeout(0);
    upstream.setNoDelay(true);
    (socket as Partial<Socket>).setNoDelay?.(true);
    upstream.write(firstLines);
    if (head.length > 0) upstream.write(head);
    socket.pipe(upstream);
    upstream.pipe(socket);
  });
  upstream.on('error', (err) => {
    if (joined) return;
    const why = describeNetworkError(err, target.host);
    refuseUpgrade(socket, new StatusError(500, '', `error dialing backend: ${why}`, { cause: err }));
  });
  socket.on('error', () => upstream.destroy());
  endTogether(socket, upstream);
}

/**
 * The request as the next hop gets it. Throws where its path would not stay one line: what follows
 * would be a request of its own.
 */
export function requestHead(message: Pick<IncomingMessage, 'method' | 'rawHeaders'>, target: UpgradeTarget): string {
  if (/[^\x21-\x7e]/.test(target.path)) throw badRequestError('the path of the request cannot be passed on');
  const endsHere = (name: string) => isImpersonation(name) || target.endsHere?.(name) === true;
  return renderPassedOnHead(message, { ...target, host: `${target.host}:${target.port}` }, endsHere);
}

/** Answers a request for an upgrade in plain HTTP, and ends the connection. */
export function endInHttp(socket: Duplex, { code, headers, body: given }: FrontResponse): void {
  socket.on('error', () => socket.destroy());
  const body = wholeOf(given);
  socket.write(renderAnswerHead(`${code} ${STATUS_CODES[code] ?? ''}`, headers, body));
  socket.end(body);
}

/** Refuses an upgrade. */
export function refuseUpgrade(socket: Duplex, err: StatusError): void {
  const body = `${JSON.stringify(err.toStatus())}\n`;
  endInHttp(socket, { code: err.code, headers: { 'content-type': 'application/json' }, body });
}
