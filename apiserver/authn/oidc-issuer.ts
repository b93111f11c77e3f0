// An issuer of OpenID Connect: its discovery document and the keys that it signs with, fetched when
// they are first needed and again when none of them has signed a token.
import { urlToHttpOptions } from 'node:url';
import { createLocalJWKSet, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { exchange, TooLargeError } from '../../host/http-exchange.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isObject } from '../../machinery/json.ts';
import { readJson } from '../../machinery/json-reader.ts';

const timeoutMs = 30_000;
const maxBytes = 1024 * 1024;
/** Tokens that nobody has signed must not make us ask the issuer all the time. */
const pauseMs = 10_000;

type KeySet = ReturnType<typeof createLocalJWKSet>;

export class OidcIssuer {
  readonly #url: string;
  readonly #ca: Buffer | undefined;
  readonly #discoveryUrl: string;
  readonly #clock: Clock;
  #keys: KeySet | undefined;
  #loading: Promise<KeySet> | undefined;
  #failure: unknown;
  #triedMs = Number.NEGATIVE_INFINITY;

  /** `ca`: PEM; without it those of the system. `discoveryUrl`: where its document is, if not below its own. */
  constructor({ url, ca, discoveryUrl }: { url: string; ca?: Buffer; discoveryUrl?: string }, clock: Clock) {
    this.#url = url;
    this.#ca = ca;
    this.#discoveryUrl = discoveryUrl ?? `${url.replace(/\/$/, '')}/.well-known/openid-configuration`;
    this.#clock = clock;
  }

  /** Rejects where its keys cannot be fetched now. */
  async ready(): Promise<void> {
    await this.#load();
  }

  /** The key of a token, in the form in which jose asks for it. Rejects when there is none, or nobody can say. */
  async keyOf(header: JWSHeaderParameters, token: FlattenedJWSInput) {
    const keys = this.#keys ?? (await this.#load());
    return keys(header, token);
  }

  /** Fetches the keys anew, unless that was tried just now. Rejects when it cannot. */
  async renew(): Promise<void> {
    if (this.#mayTry()) await this.#load();
  }

  #mayTry(): boolean {
    return this.#loading !== undefined || this.#clock.now() - this.#triedMs >= pauseMs;
  }

  async #load(): Promise<KeySet> {
    if (!this.#mayTry()) throw this.#failure;
    this.#triedMs = this.#clock.now();
    this.#loading ??= this.#fetch().finally(() => {
      this.#loading = undefined;
    });
    try {
      this.#keys = await this.#loading;
      return this.#keys;
    } catch (err) {
      this.#failure = err;
      throw err;
    }
  }

  async #fetch(): Promise<KeySet> {
    const document = await this.#get(this.#discoveryUrl);
    if (document.issuer !== this.#url) {
      const found = JSON.stringify(document.issuer);
      throw new Error(
        `oidc: issuer did not match the issuer returned by provider, expected "${this.#url}" got ${found}`,
      );
    }
    if (typeof document.jwks_uri !== 'string') throw new Error('oidc: the discovery document has no jwks_uri');
    return createLocalJWKSet((await this.#get(document.jwks_uri)) as unknown as JSONWebKeySet);
  }

  async #get(url: string): Promise<Record<string, unknown>> {
    if (!url.startsWith('https:')) throw new Error(`oidc: ${url}: not https`); // jwks_uri is what somebody else says
    const to = { ...urlToHttpOptions(new URL(url)), signal: AbortSignal.timeout(timeoutMs) };
    const { code, text } = await exchange({ ...to, ...(this.#ca ? { ca: this.#ca } : {}) }, maxBytes).catch((err) => {
      throw err instanceof TooLargeError ? new Error(`oidc: ${url}: ${err.message}`, { cause: err }) : err;
    });
    if (code !== 200) throw new Error(`oidc: ${url}: status ${code}`);
    const { value } = readJson(text);
    if (!isObject(value)) throw new Error(`oidc: ${url}: not a JSON object`);
    return value;
  }
}
