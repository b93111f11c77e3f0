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
  readonly #impersonated: (mode: string, startMs: number, decision: string) => void;
  readonly #impersonationAsked: (mode: string, startMs: number, decision: string) => void;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    const { counter, histogram } = metricsIn(registry);
    const timed = (attempts: string, duration: string, what: string, labels = ['result']) => {
      const count = counter(attempts, `${what} by outcome.`, labels);
      const seconds = histogram(duration, `Time of the same.`, labels, buckets);
      return (result: string, startMs: number, ...more: string[]) => {
        count.of(result, ...more).value++;
        seconds.of(result, ...more).observe((clock.monotonicMs() - startMs) / 1000);
      };
    };
    this.#users = counter('authenticated_user_requests', 'Requests by who sent them.', ['username']);
    this.#identified = timed('authentication_attempts', 'authentication_duration_seconds', 'Looks at credentials');
    this.#authorized = timed('authorization_attempts_total', 'authorization_duration_seconds', 'Decisions');
    const impersonation = (name: string, what: string) => {
      const attempts = `apiserver_impersonation_${name}`;
      return timed(`${attempts}_total`, `${attempts}_duration_seconds`, what, ['mode', 'decision']);
    };
    this.#impersonated = impersonation('attempts', 'Requests of who would act as somebody else,');
    this.#impersonationAsked = impersonation('authorization_attempts', 'Decisions on the parts of these');
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

  /** What comes of it names the mode that allowed it; where none did, there is none to name. */
  async impersonate<T extends { mode: string }>(work: Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    try {
      const done = await work;
      this.#impersonated(done.mode, startMs, 'allowed');
      return done;
    } catch (err) {
      this.#impersonated('', startMs, 'denied');
      throw err;
    }
  }

  async impersonationAsks(mode: string, work: Promise<Decision>): Promise<Decision> {
    const startMs = this.#clock.monotonicMs();
    const decision = await work;
    this.#impersonationAsked(mode, startMs, decision.allowed ? 'allowed' : 'denied');
    return decision;
  }

  async authorize(work: Promise<Decision>): Promise<Decision> {
    const startMs = this.#clock.monotonicMs();
    const decision = await work;
    this.#authorized(decisionOf(decision), startMs);
    return decision;
  }
}
