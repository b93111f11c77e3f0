// Who asks, and who may: authentication and authorization under kube-apiserver's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (authentication_*, authorization_*)
import type { Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { StatusError } from '../machinery/errors.ts';
import { type HotHistogram, type HotNumber, metricsIn } from '../machinery/hot-metrics.ts';
import type { UserInfo } from './authn/user.ts';
import type { Decision } from './authz/attributes.ts';

const buckets = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
const [hour, day] = [3600, 86_400];
const expiryBuckets = [0, hour / 2, hour, 2 * hour, 6 * hour, 12 * hour].concat(
  [1, 2, 4, 7, 30, 90, 180, 360].map((days) => days * day),
);
const ownNames = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);

/** Few names, so that users do not fill the memory. */
const shortName = (name: string) => (ownNames.has(name) ? name : name.includes('@') ? 'email_id' : 'other');

function decisionOf({ allowed, denied, error }: Decision): string {
  if (allowed) return 'allowed';
  return error !== undefined ? 'error' : denied ? 'denied' : 'no-opinion';
}

export class AccessMetrics {
  readonly #clock: Clock;
  readonly #users: HotNumber;
  readonly #expiry: HotHistogram;
  readonly #identified: (result: string, startMs: number) => void;
  readonly #authorized: (result: string, startMs: number) => void;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    const { counter, histogram } = metricsIn(registry);
    const timed = (attempts: string, duration: string, what: string) => {
      const count = counter(attempts, `${what} by outcome.`, ['result']);
      const seconds = histogram(duration, `Time of the same.`, ['result'], buckets);
      return (result: string, startMs: number) => {
        count.of(result).value++;
        seconds.of(result).observe((clock.monotonicMs() - startMs) / 1000);
      };
    };
    this.#users = counter('authenticated_user_requests', 'Requests by who sent them.', ['username']);
    this.#identified = timed('authentication_attempts', 'authentication_duration_seconds', 'Looks at credentials');
    this.#authorized = timed('authorization_attempts_total', 'authorization_duration_seconds', 'Decisions');
    this.#expiry = histogram(
      'apiserver_client_certificate_expiration_seconds',
      'How long certificates of clients are still good when they are shown.',
      [],
      expiryBuckets,
    );
  }

  /** Somebody showed a certificate that ends then, in milliseconds since 1970. */
  certificate(notAfterMs: number): void {
    this.#expiry.of().observe((notAfterMs - this.#clock.now()) / 1000);
  }

  async identify(work: Promise<UserInfo>): Promise<UserInfo> {
    const startMs = this.#clock.monotonicMs();
    try {
      const user = await work;
      this.#users.of(shortName(user.username)).value++;
      this.#identified('success', startMs);
      return user;
    } catch (err) {
      this.#identified(err instanceof StatusError && err.code === 401 ? 'failure' : 'error', startMs);
      throw err;
    }
  }

  async authorize(work: Promise<Decision>): Promise<Decision> {
    const startMs = this.#clock.monotonicMs();
    const decision = await work;
    this.#authorized(decisionOf(decision), startMs);
    return decision;
  }
}
