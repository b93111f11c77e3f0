// Two connections that are one to their ends: whoever leaves, leaves both.
import type { Duplex } from 'node:stream';

/**
 * Ends `socket` when `upstream` is gone, and drops `upstream` when `socket` is. What has come for the client is still
 * sent. Carrying the bytes, and telling of errors before there are any, is the caller's.
 */
export function endTogether(socket: Duplex, upstream: Duplex): void {
  socket.on('close', () => upstream.destroy());
  // Nobody reads the socket any more: what still comes is dropped, so that its end is seen.
  upstream.on('close', () => socket.end().resume());
}
