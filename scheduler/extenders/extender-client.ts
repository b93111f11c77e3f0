// Asks an extender: JSON posted over HTTP or HTTPS, on connections that stay open.
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../machinery/clock.ts';
import { ConfigFileError } from '../../machinery/config-file.ts';
import { parseGoDuration } from '../../machinery/duration.ts';
import { describeNetworkError } from '../../machinery/network-error.ts';
import type { ExtenderConfig } from '../config/extender-config.ts';

/** It could not be asked, or its answer is of no use; the message says why. */
export class ExtenderError extends Error {}

const defaultTimeoutMs = 5_000;
const maxAnswerBytes = 64 * 1024 * 1024;

export class ExtenderClient {
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #request: typeof httpRequest;

  /** Throws ConfigFileError when a file cannot be read. */
  constructor(config: ExtenderConfig, clock: Clock) {
    this.#prefix = (config.urlPrefix ?? '').replace(/\/+$/, '');
    this.#timeoutMs = parseGoDuration(config.httpTimeout || '0') || defaultTimeoutMs;
    this.#clock = clock;
    const isTls = this.#prefix.startsWith('https:');
    this.#agent = isTls
      ? new HttpsAgent({ keepAlive: true, ...tlsOptions(config) })
      : new HttpAgent({ keepAlive: true });
    this.#request = isTls ? httpsRequest : httpRequest;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The answer's JSON. Throws ExtenderError. */
  async post(verb: string, value: object): Promise<unknown> {
    const url = `${this.#prefix}/${verb}`;
    const abort = new AbortController();
    const timer = this.#clock.after(this.#timeoutMs, () => abort.abort());
    let answer: { code: number; text: string };
    try {
      answer = await this.#send(url, Buffer.from(JSON.stringify(value)), abort.signal, true);
    } catch (err) {
      const why = abort.signal.aborted
        ? 'context deadline exceeded'
        : describeNetworkError(err as Error, new URL(url).hostname);
      throw new ExtenderError(`Post ${JSON.stringify(url)}: ${why}`, { cause: err });
    } finally {
      timer.cancel();
    }
    const { code, text } = answer;
    if (code !== 200) throw new ExtenderError(`failed ${verb} with extender at URL ${url}, code ${code}`);
    try {
      return JSON.parse(text);
    } catch (err) {
      throw new ExtenderError(`${verb} of extender at URL ${url}: ${(err as Error).message}`, { cause: err });
    }
  }

  /** A kept connection may have ended on the other side meanwhile: then it is asked once more. */
  #send(url: string, body: Buffer, signal: AbortSignal, mayRetry: boolean): Promise<{ code: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const request = this.#request(url, { method: 'POST', agent: this.#agent, signal, headers }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxAnswerBytes) chunks.push(chunk);
          else request.destroy(new Error(`the answer is larger than ${maxAnswerBytes} bytes`));
        });
        response.on('error', reject);
        response.on('end', () => resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      });
      request.on('error', (err: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && (err.code === 'ECONNRESET' || err.code === 'EPIPE');
        if (isStale && mayRetry) this.#send(url, body, signal, false).then(resolve, reject);
        else reject(err);
      });
      request.end(body);
    });
  }
}

function tlsOptions({ urlPrefix, enableHTTPS, tlsConfig = {} }: ExtenderConfig) {
  const { insecure, serverName, certFile, keyFile, caFile, certData, keyData, caData } = tlsConfig;
  const refuse = (why: string, cause?: unknown) => new ConfigFileError(`extender ${urlPrefix}: ${why}`, { cause });
  const read = (data: string | undefined, file: string | undefined): Buffer | undefined => {
    if (data) return Buffer.from(data, 'base64');
    try {
      return file ? readFileSync(file) : undefined;
    } catch (err) {
      throw refuse((err as Error).message, err);
    }
  };
  const [ca, cert, key] = [read(caData, caFile), read(certData, certFile), read(keyData, keyFile)];
  if (ca && insecure) throw refuse('specifying a root certificates file with the insecure flag is not allowed');
  if (!cert !== !key) throw refuse('a certificate needs its key, and a key its certificate');
  return {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert, key } : {}),
    ...(serverName ? { servername: serverName } : {}),
    rejectUnauthorized: !(insecure || (enableHTTPS && !ca)),
  };
}
