// Requests that cannot be read, and those whose headers are too long: they get an answer, in the words of Go's HTTP
// servers, which are upstream's.
import type { Http2ServerRequest } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../machinery/clock.ts';
import type { FrontResponse } from './front.ts';
import { endInHttp } from './upgrade.ts';

/** As Go's servers take: a line of request and its headers, a long command of exec among them. */
export const maxHeaderBytes = 1024 * 1024;
/** So many come through over HTTP/2, to be refused with an answer; more reset their stream. */
export const maxHeaderListBytes = 2 * maxHeaderBytes;
const perHeaderBytes = 32;
/** Go grants the overhead of some. */
const maxCountedBytes = maxHeaderBytes + 10 * perHeaderBytes;
// How long a client that has its answer may go on sending what nobody reads.
export const lingerMs = 5_000;

export const tooLong: FrontResponse = {
  code: 431,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>',
};

/** Whether the headers of a request over HTTP/2 are longer than all may be. */
export function isTooLong({ rawHeaders }: Pick<Http2ServerRequest, 'rawHeaders'>): boolean {
  let bytes = (rawHeaders.length / 2) * perHeaderBytes;
  for (const text of rawHeaders) bytes += text.length;
  return bytes > maxCountedBytes;
}

const answers: Readonly<Record<string, [code: number, text: string]>> = {
  HPE_HEADER_OVERFLOW: [431, '431 Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, '413 Payload Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, '408 Request Timeout'],
};

/**
 * Answers what HTTP/1.1 cannot read, and closes the connection once the client has had time to read that: a connection
 * that were closed while its client still sends would take the answer along.
 */
export function refuseUnread(clock: Clock, err: Error & { code?: string; reason?: string }, socket: Duplex): void {
  socket.removeAllListeners('data');
  if (socket.writableEnded) return; // it has its answer
  // Before the handshake is over nothing can be said: what is written would follow it, as an answer to a request unseen.
  const { secureConnecting = false } = socket as { secureConnecting?: boolean };
  if (!socket.writable || err.code === 'ECONNRESET' || secureConnecting) return void socket.destroy();
  const [code, body] = answers[err.code ?? ''] ?? [400, `400 Bad Request: ${err.reason ?? err.code}`];
  endInHttp(socket, { code, headers: { 'content-type': 'text/plain; charset=utf-8' }, body });
  const timer = clock.after(lingerMs, () => socket.destroy());
  socket.once('end', () => socket.destroy());
  socket.once('close', () => timer.cancel());
  socket.resume();
}
