// Asks servers that are not ours, over HTTP or HTTPS; of what they answer no more is taken than is said.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

/** The other side sends more than is taken. */
export class TooLargeError extends Error {}

export interface HttpAnswer {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Resolves with the answer, whatever its code. A kept connection may have ended meanwhile: then it is asked once more. */
export function exchange(options: RequestOptions, maxBytes: number, body?: Buffer): Promise<HttpAnswer> {
  const send = (mayRetry: boolean): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const ask = options.protocol === 'http:' ? httpRequest : httpsRequest;
      const request = ask(options, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxBytes) return void chunks.push(chunk);
          reject(new TooLargeError(`the answer is larger than ${maxBytes} bytes`));
          request.destroy();
        });
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: code = 0, headers } = response;
          resolve({ code, headers, text: Buffer.concat(chunks).toString() });
        });
      });
      request.on('error', (err: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && (err.code === 'ECONNRESET' || err.code === 'EPIPE');
        if (isStale && mayRetry) send(false).then(resolve, reject);
        else reject(err);
      });
      request.end(body);
    });
  return send(true);
}

export function postJson(options: RequestOptions, value: object, maxBytes: number): Promise<HttpAnswer> {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { ...options.headers, 'content-type': 'application/json', 'content-length': body.length };
  return exchange({ ...options, method: 'POST', headers }, maxBytes, body);
}
