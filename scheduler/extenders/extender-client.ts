// Asks an extender: JSON posted over HTTP or HTTPS, on connections that stay open.
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { postJson } from '../../host/http-exchange.ts';
import type { Clock } from '../../machinery/clock.ts';
import { ConfigFileError } from '../../machinery/config-file.ts';
import { parseGoDuration } from '../../machinery/duration.ts';
import { messageOf } from '../../machinery/errors.ts';
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

  /** Throws ConfigFileError when a file cannot be read. */
  constructor(config: ExtenderConfig, clock: Clock) {
    this.#prefix = (config.urlPrefix ?? '').replace(/\/+$/, '');
    this.#timeoutMs = parseGoDuration(config.httpTimeout || '0') || defaultTimeoutMs;
    this.#clock = clock;
    this.#agent = this.#prefix.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, ...tlsOptions(config) })
      : new HttpAgent({ keepAlive: true });
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
      const to = { ...urlToHttpOptions(new URL(url)), agent: this.#agent, signal: abort.signal };
      answer = await postJson(to, value, maxAnswerBytes);
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
      throw new ExtenderError(`${verb} of extender at URL ${url}: ${messageOf(err)}`, { cause: err });
    }
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
      throw refuse(messageOf(err), err);
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
