// Asks servers that are not ours, over HTTP or HTTPS; of what they answer no more is taken than is said.
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

/** The other side sends more than is taken. */
export class TooLargeError extends Error {}

export interface HttpAnswer {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/**
 * Resolves with the beginning of an answer, whatever its code; `send` gives the request its body and ends it. A kept
 * connection may have ended meanwhile: with `mayRepeat` it is asked once more.
 */
export function ask(
  options: RequestOptions,
  send: (request: ClientRequest) => void,
  mayRepeat: boolean,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (options.protocol === 'http:' ? httpRequest : httpsRequest)(options, resolve);
    // Node lets such a connection go, and says nothing.
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('backend tried to switch protocols when that was not requested'));
    });
    request.on('error', (err: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && (err.code === 'ECONNRESET' || err.code === 'EPIPE');
      if (isStale && mayRepeat) ask(options, send, false).then(resolve, reject);
      else reject(err);
    });
    send(request);
  });
}

/** Resolves with the answer, whatever its code. */
export async function exchange(options: RequestOptions, maxBytes: number, body?: Buffer): Promise<HttpAnswer> {
  const response = await ask(options, (request) => request.end(body), true);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLargeError(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const { statusCode: code = 0, headers } = response;
  return { code, headers, text: Buffer.concat(chunks).toString() };
}

export function postJson(options: RequestOptions, value: object, maxBytes: number): Promise<HttpAnswer> {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { ...options.headers, 'content-type': 'application/json', 'content-length': body.length };
  return exchange({ ...options, method: 'POST', headers }, maxBytes, body);
}
