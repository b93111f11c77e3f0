// Asks servers that are not ours: JSON posted over HTTP or HTTPS, on connections that stay open.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

/** The other side sends more than is taken. */
export class TooLargeError extends Error {}

/** Resolves with the answer, whatever its code. A kept connection may have ended meanwhile: then it is asked once more. */
export function postJson(
  options: RequestOptions,
  value: object,
  maxBytes: number,
): Promise<{ code: number; text: string }> {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { ...options.headers, 'content-type': 'application/json', 'content-length': body.length };
  const send = (mayRetry: boolean): Promise<{ code: number; text: string }> =>
    new Promise((resolve, reject) => {
      const ask = options.protocol === 'http:' ? httpRequest : httpsRequest;
      const request = ask({ ...options, method: 'POST', headers }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxBytes) return void chunks.push(chunk);
          reject(new TooLargeError(`the answer is larger than ${maxBytes} bytes`));
          request.destroy();
        });
        response.on('error', reject);
        response.on('end', () => resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
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
