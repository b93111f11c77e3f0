// Clients that act as service accounts of kube-system, each with a token of its own that is fetched when it is first
// needed and anew before it runs out. An account that is missing is made. One connection carries them all.
// Upstream: controller-manager's DynamicClientBuilder (--use-service-account-credentials).
import { ServiceAccountKind } from '../api/core/serviceaccount.ts';
import type { Clock } from '../machinery/clock.ts';
import { unlessGone, unlessThere } from '../machinery/errors.ts';
import type { ClientConfig } from './config.ts';
import { KubeClient, type ResourceClient, type TokenSource } from './rest.ts';
import { Transport, type TransportOptions } from './transport.ts';

const namespace = 'kube-system';
const lifetimeSeconds = 3600;
/** Part of its life after which a token is fetched anew. */
const freshPart = 0.8;

type Accounts = Pick<ResourceClient<any>, 'create' | 'createSubresource'>;

/** Tokens of one service account, asked for by `accounts`. */
export class AccountTokens implements TokenSource {
  readonly #accounts: Accounts;
  readonly #name: string;
  readonly #clock: Clock;
  #current: { token: Promise<string>; value?: string; untilMs: number } | undefined;

  constructor(accounts: Accounts, name: string, clock: Clock) {
    this.#accounts = accounts;
    this.#name = name;
    this.#clock = clock;
  }

  token(): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#current && nowMs < this.#current.untilMs) return this.#current.token;
    const fetched = { token: this.#fetch(), untilMs: nowMs + lifetimeSeconds * 1000 * freshPart, value: '' };
    this.#current = fetched;
    fetched.token.then(
      (value) => {
        fetched.value = value;
      },
      () => this.#drop(fetched),
    );
    return fetched.token;
  }

  refused(token: string): void {
    if (this.#current?.value === token) this.#current = undefined;
  }

  #drop(failed: object): void {
    if (this.#current === failed) this.#current = undefined;
  }

  async #fetch(): Promise<string> {
    const name = this.#name;
    const ask = async () => {
      const spec = { expirationSeconds: lifetimeSeconds };
      const body = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec };
      const answer = await this.#accounts.createSubresource<any>({ namespace, name }, 'token', body);
      return answer.status.token as string;
    };
    const token = await unlessGone(ask());
    if (token !== undefined) return token;
    await unlessThere(this.#accounts.create({ metadata: { namespace, name } }));
    return ask();
  }
}

export class AccountClients {
  readonly #root: KubeClient;
  readonly #transport: Transport;
  readonly #options: TransportOptions;
  readonly #clients = new Map<string, KubeClient>();

  /** `root` may ask for tokens of accounts, and make accounts. */
  constructor(root: KubeClient, { server, ca }: ClientConfig, options: TransportOptions) {
    this.#root = root;
    this.#transport = new Transport({ server, ...(ca ? { ca } : {}) }, options);
    this.#options = options;
  }

  client(name: string): KubeClient {
    const known = this.#clients.get(name);
    if (known) return known;
    const tokens = new AccountTokens(this.#root.resource(ServiceAccountKind), name, this.#options.clock);
    const made = new KubeClient(this.#transport, { ...this.#options, tokens });
    this.#clients.set(name, made);
    return made;
  }

  close(): void {
    this.#transport.close();
  }
}
