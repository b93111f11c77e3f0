// Asks webhooks: JSON over HTTPS, by a URL or by way of a service, on connections that stay open.
// Upstream: apiserver's util/webhook, whose error texts these are.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { postJson, TooLargeError } from '../host/http-exchange.ts';
import type { Clock } from '../machinery/clock.ts';
import { DecodeError, decodeValue } from '../machinery/decode.ts';
import { StatusError } from '../machinery/errors.ts';
import { goQuote } from '../machinery/go-quote.ts';
import { isObject } from '../machinery/json.ts';
import { readJsonInSteps, TextError } from '../machinery/json-reader.ts';
import { describeNetworkError } from '../machinery/network-error.ts';
import type { AnySchema, TypeOf } from '../machinery/schema.ts';
import { maxOpened } from './endpoints/body.ts';
import { type EndpointFinder, locate } from './service-endpoint.ts';
import { inTurns } from './turns.ts';

export interface WebhookClientConfig {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** PEM certificates, in base64. */
  caBundle?: string;
  /** What shows who asks: PEM, or a bearer token. */
  identity?: { cert?: Buffer; key?: Buffer; token?: string };
}

/** It could not be asked, or gave no answer; the message says why. */
export class WebhookError extends Error {
  /** Asked again it may answer. */
  readonly isTransient: boolean;
  constructor(message: string, options: { cause?: unknown; isTransient?: boolean } = {}) {
    super(message, options);
    this.isTransient = options.isTransient ?? false;
  }
}

/** An answer in its form, unknown fields left out. Throws WebhookError. */
export function decodeAnswer<S extends AnySchema>(schema: S, answer: unknown): TypeOf<S> {
  try {
    return decodeValue(schema, answer ?? {}).value;
  } catch (err) {
    if (!(err instanceof DecodeError)) throw err;
    throw new WebhookError(err.message, { cause: err });
  }
}

// Upstream: webhook.WithExponentialBackoff, in its default.
const [maxTries, firstDelayMs, delayFactor] = [5, 500, 1.5];

const maxAnswerBytes = 16 * 1024 * 1024;
const maxSocketsPerHost = 64;

export class WebhookClient {
  readonly #deps: EndpointFinder & { clock: Clock };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: maxSocketsPerHost, scheduling: 'lifo' });

  constructor(deps: EndpointFinder & { clock: Clock }) {
    this.#deps = deps;
  }

  /** Posts a value, again where that may help, and gives the answer's. Throws WebhookError. */
  async postPatiently(config: WebhookClientConfig, timeoutSeconds: number, value: object): Promise<unknown> {
    for (let tries = 1, delayMs = firstDelayMs; ; tries++, delayMs *= delayFactor) {
      try {
        return await this.post(config, timeoutSeconds, value);
      } catch (err) {
        if (!(err instanceof WebhookError && err.isTransient) || tries === maxTries) throw err;
        await this.#deps.clock.sleep(delayMs);
      }
    }
  }

  /** Posts a value and gives the answer's. Throws WebhookError. */
  async post(config: WebhookClientConfig, timeoutSeconds: number, value: object): Promise<unknown> {
    const abort = new AbortController();
    const timer = this.#deps.clock.after(timeoutSeconds * 1000, () => abort.abort());
    const shown = textOf(config, timeoutSeconds);
    const url = new URL(shown);
    try {
      const target = this.#find(config, url);
      const { caBundle, identity: { token, ...certificate } = {} } = config;
      const options: RequestOptions = {
        host: target.host,
        port: target.port,
        path: `${url.pathname}${url.search}`,
        agent: this.#agent,
        signal: abort.signal,
        headers: {
          host: url.host,
          accept: 'application/json, */*',
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
        ...certificate,
        ...(isIP(hostOf(url)) ? {} : { servername: hostOf(url) }),
        ...(caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {}),
      };
      const { code, text } = await postJson(options, value, maxAnswerBytes).catch(async (err) => {
        const ca = await withNamesake(options, err, this.#deps.clock.now());
        return postJson({ ...options, ca }, value, maxAnswerBytes);
      });
      return await readAnswer(code, text, this.#deps.clock);
    } catch (err) {
      if (err instanceof AnswerError || err instanceof TooLargeError) {
        const isTransient = err instanceof AnswerError && transientCodes.has(err.code);
        throw new WebhookError(err.message, { cause: err, isTransient });
      }
      const why = abort.signal.aborted ? 'context deadline exceeded' : describeFailure(err, url);
      const isTransient = err instanceof Error && 'code' in err && err.code === 'ECONNRESET';
      throw new WebhookError(`Post ${goQuote(shown)}: ${why}`, { cause: err, isTransient });
    } finally {
      timer.cancel();
    }
  }

  #find({ service }: WebhookClientConfig, url: URL): { host: string; port: number } {
    if (!service) return { host: hostOf(url), port: Number(url.port || 443) };
    return locate(this.#deps, { ...service, port: service.port ?? 443 });
  }
}

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '');

/**
 * OpenSSL holds that a certificate has signed itself when its issuer is named as it is, as where neither has a name; Go
 * looks who has. What to trust instead of the bundle: such a certificate, if an authority of the bundle has signed it.
 * Rejects with `err` otherwise.
 */
async function withNamesake({ host, port, servername, ca, signal }: RequestOptions, err: unknown, nowMs: number) {
  const { code } = err as NodeJS.ErrnoException;
  if (code !== 'DEPTH_ZERO_SELF_SIGNED_CERT' || !Buffer.isBuffer(ca)) throw err;
  const socket = connect({
    host: host!,
    port: Number(port),
    ...(servername ? { servername } : {}),
    rejectUnauthorized: false,
  });
  try {
    await once(socket, 'secureConnect', { signal: signal! });
    const shown = socket.getPeerX509Certificate()!;
    const pems = ca.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    const isSigner = (one: X509Certificate) =>
      one.ca &&
      Date.parse(one.validFrom) <= nowMs &&
      nowMs <= Date.parse(one.validTo) &&
      shown.checkIssued(one) &&
      shown.verify(one.publicKey);
    if (!pems.some((pem) => isSigner(new X509Certificate(pem)))) throw err;
    return shown.toString();
  } finally {
    socket.destroy();
  }
}

/** The address that is asked, as error texts show it. */
function textOf({ url, service }: WebhookClientConfig, timeoutSeconds: number): string {
  const text = service
    ? `https://${service.name}.${service.namespace}.svc:${service.port ?? 443}${service.path ?? ''}`
    : (url ?? '');
  return `${text}?timeout=${timeoutSeconds}s`;
}

const transientCodes = new Set([429, 500, 504]);

/** What came back is no answer to use. */
class AnswerError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

async function readAnswer(code: number, text: string, clock: Clock): Promise<unknown> {
  let value: unknown;
  try {
    ({ value } = await inTurns(readJsonInSteps(text, maxOpened), clock));
  } catch (err) {
    if (!(err instanceof TextError)) throw err;
    if (code === 200) throw new AnswerError(code, `couldn't get version/kind; json parse error: ${err.message}`);
  }
  if (code === 200) return value;
  if (isObject(value) && value.kind === 'Status' && value.message) throw new AnswerError(code, String(value.message));
  if (code === 404) throw new AnswerError(code, 'the server could not find the requested resource');
  const shown = goQuote(text.slice(0, 2048));
  if (code >= 500)
    throw new AnswerError(code, `an error on the server (${shown}) has prevented the request from succeeding`);
  throw new AnswerError(code, `the server rejected our request for an unknown reason`);
}

/** What went wrong on the way. */
export function describeFailure(err: unknown, url: URL): string {
  if (err instanceof WebhookError || err instanceof StatusError) return err.message;
  return describeNetworkError(err as Error, hostOf(url));
}
