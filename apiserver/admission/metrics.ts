// What admission takes and refuses, under kube-apiserver's names: by plugin, by step, by webhook, by policy.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (apiserver_admission_*)
import type { Registry } from 'prom-client';
import type { Clock } from '../../machinery/clock.ts';
import { StatusError } from '../../machinery/errors.ts';
import { type HotHistogram, type HotNumber, metricsIn } from '../../machinery/hot-metrics.ts';

const buckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
/** Codes above count as this one. */
const highestCode = 600;

/** What a policy's rule comes to. */
interface PolicyCheck {
  policy: string;
  binding: string;
  action: 'allow' | 'deny' | 'warn' | 'audit';
  error: 'no_error' | 'invalid_error' | 'compile_error' | 'out_of_budget';
}

/** A webhook that was asked. */
interface AskedWebhook {
  name: string;
  operation: string;
  isMutating: boolean;
}

export class AdmissionMetrics {
  readonly #clock: Clock;
  readonly #plugins: HotHistogram;
  readonly #steps: HotHistogram;
  readonly #webhooks: HotHistogram;
  readonly #requests: HotNumber;
  readonly #rejections: HotNumber;
  readonly #failOpen: HotNumber;
  readonly #checks: HotNumber;
  readonly #checkSeconds: HotHistogram;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    const { counter, histogram } = metricsIn(registry, 'apiserver_');
    const by = ['name', 'operation', 'rejected', 'type'];
    const policy = ['enforcement_action', 'error_type', 'policy', 'policy_binding'];
    this.#plugins = histogram('admission_controller_admission_duration_seconds', 'Time of plugins.', by, buckets);
    const step = by.slice(1);
    this.#steps = histogram('admission_step_admission_duration_seconds', 'Time of all plugins.', step, buckets);
    const long = [...buckets, 10, 25];
    this.#webhooks = histogram('admission_webhook_admission_duration_seconds', 'Time of webhooks.', by, long);
    this.#requests = counter('admission_webhook_request_total', 'Calls of webhooks.', ['code', ...by]);
    const why = ['error_type', 'name', 'operation', 'rejection_code', 'type'];
    this.#rejections = counter('admission_webhook_rejection_count', 'What webhooks refused, and why.', why);
    const open = 'Requests let through although a webhook gave no answer.';
    this.#failOpen = counter('admission_webhook_fail_open_count', open, ['name', 'type']);
    this.#checks = counter('validating_admission_policy_check_total', 'Rules of policies.', policy);
    const bounds = [5e-7, 0.001, 0.01, 0.1, 1];
    this.#checkSeconds = histogram('validating_admission_policy_check_duration_seconds', 'Their time.', policy, bounds);
  }

  /** Times a plugin, or without a name the step of all. */
  async timed(
    { name, operation, type }: { name?: string; operation: string; type: 'admit' | 'validate' },
    work: () => void | Promise<void>,
  ): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    let rejected = 'true';
    try {
      await work();
      rejected = 'false';
    } finally {
      const cell =
        name === undefined
          ? this.#steps.of(operation, rejected, type)
          : this.#plugins.of(name, operation, rejected, type);
      cell.observe((this.#clock.monotonicMs() - startMs) / 1000);
    }
  }

  /** Times a webhook. `noAnswer` says of an error that it is not what the webhook said. */
  async asked<T>({ name, operation, isMutating }: AskedWebhook, work: Promise<T>, noAnswer: (err: unknown) => boolean) {
    const startMs = this.#clock.monotonicMs();
    const type = isMutating ? 'admit' : 'validating';
    const told = (rejected: string, code: number) => {
      const seconds = (this.#clock.monotonicMs() - startMs) / 1000;
      this.#webhooks.of(name, operation, rejected, type).observe(seconds);
      this.#requests.of(String(Math.min(code, highestCode)), name, operation, rejected, type).value++;
    };
    try {
      const answer = await work;
      told('false', 200);
      return answer;
    } catch (err) {
      const isSilent = noAnswer(err);
      const code = !isSilent && err instanceof StatusError ? err.code : 0;
      told('true', isSilent ? 500 : code);
      const shown = String(Math.min(code, highestCode));
      this.#rejections.of(isSilent ? 'calling_webhook_error' : 'no_error', name, operation, shown, type).value++;
      throw err;
    }
  }

  failedOpen({ name, isMutating }: AskedWebhook): void {
    this.#failOpen.of(name, isMutating ? 'admit' : 'validating').value++;
  }

  checked({ policy, binding, action, error }: PolicyCheck, seconds: number): void {
    this.#checks.of(action, error, policy, binding).value++;
    this.#checkSeconds.of(action, error, policy, binding).observe(seconds);
  }
}
