// ValidatingAdmissionPolicy: rules in CEL that refuse requests, warn of them, or note them for the audit log. Upstream:
// apiserver's admission/plugin/policy/validating/dispatcher.go.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { ValidatingAdmissionPolicySpec } from '../../../api/admissionregistration/validatingadmissionpolicy.ts';
import type { ValidatingAdmissionPolicyBindingSpec } from '../../../api/admissionregistration/validatingadmissionpolicybinding.ts';
import { StatusError } from '../../../machinery/errors.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, refusal } from '../plugin.ts';
import { boundPolicies } from './configured.ts';
import { type Invocation, invocationsOf } from './invocations.ts';
import { isBeyondPolicies } from './matching.ts';
import { namespaceOf, type RequestValues, requestValues } from './request-values.ts';
import { compileValidating, type Failure, judge, type ValidatingPrograms } from './verdict.ts';

type Spec = ValidatingAdmissionPolicySpec;
type BindingSpec = ValidatingAdmissionPolicyBindingSpec;
type Asked = Invocation<Spec, BindingSpec, ValidatingPrograms>;

const policiesOf = boundPolicies<Spec, BindingSpec, ValidatingPrograms>('ValidatingAdmissionPolicy', compileValidating);

const codes: Record<string, number> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 };
const failureNote = 'validation.policy.admission.k8s.io/validation_failure';
const maxNoteBytes = 10 * 1024;

/** What policies have said of a request so far. */
class Findings {
  readonly #request: AdmissionRequest;
  #refusal: StatusError | undefined;
  readonly #notes = new Map<string, string[]>();
  #isFailureNoted = false;

  constructor(request: AdmissionRequest) {
    this.#request = request;
  }

  /** The first refusal is the one that is told. */
  refuse({ policy, binding }: Asked, { message, reason = 'Invalid' }: Pick<Failure, 'message' | 'reason'>): void {
    if (this.#refusal) return;
    const through = binding ? ` with binding '${binding.name}'` : '';
    const why = `ValidatingAdmissionPolicy '${policy.name}'${through} denied request: ${message}`;
    const { message: text, details } = refusal(this.#request, why);
    this.#refusal = new StatusError(codes[reason] ?? 422, reason as StatusError['reason'], text, {
      details: { ...details, causes: [{ message: why }] },
    });
  }

  act(asked: Asked, failure: Failure): void {
    const { policy, binding } = asked;
    const { name, spec } = binding!;
    const actions = spec.validationActions ?? [];
    for (const action of actions) {
      if (action === 'Deny') this.refuse(asked, failure);
      if (action === 'Warn') {
        const where = `ValidatingAdmissionPolicy '${policy.name}' with binding '${name}'`;
        this.#request.warn(`Validation failed for ${where}: ${failure.message}`);
      }
      if (action === 'Audit' && !this.#isFailureNoted) {
        this.#isFailureNoted = true;
        const { message, index: expressionIndex } = failure;
        const note = { message, policy: policy.name, binding: name, expressionIndex, validationActions: actions };
        this.#request.annotate?.(failureNote, JSON.stringify([note]));
      }
    }
  }

  /** Several bindings may say something of the same; what they all say is told once. */
  note(policy: string, key: string, value: string): void {
    const bounded = Buffer.from(value).subarray(0, maxNoteBytes).toString();
    const known = this.#notes.getOrInsert(`${policy}/${key}`, []);
    if (!known.includes(bounded)) known.push(bounded);
  }

  /** Throws the refusal, if there is one. */
  conclude(): void {
    for (const [key, values] of this.#notes) this.#request.annotate?.(key, values.join(', '));
    if (this.#refusal) throw this.#refusal;
  }
}

const isBudget = /budget|cost/;

/** Each rule took its share of the time, whoever was told of it. */
function countRules(asked: Asked, failures: readonly Failure[], seconds: number, { metrics }: AdmissionDeps): void {
  if (!metrics) return;
  const { policy, binding } = asked;
  const of = { policy: policy.name, binding: binding?.name ?? '' };
  const rules = Math.max(1, policy.compiled.rules.length);
  for (const { message } of failures) {
    const error = message.startsWith('compilation')
      ? 'compile_error'
      : isBudget.test(message)
        ? 'out_of_budget'
        : 'invalid_error';
    for (const action of binding?.spec.validationActions ?? []) {
      metrics.checked({ ...of, action: action.toLowerCase() as 'deny', error }, seconds / rules);
    }
  }
  for (let kept = failures.length; kept < policy.compiled.rules.length; kept++) {
    metrics.checked({ ...of, action: 'allow', error: 'no_error' }, seconds / rules);
  }
}

async function validate(request: AdmissionRequest, deps: AdmissionDeps): Promise<void> {
  const policies = await policiesOf(deps);
  if (policies.length === 0) return;
  const asked = await invocationsOf(policies, request, deps);
  if (asked.length === 0) return;
  const findings = new Findings(request);
  const namespace = asked.some(({ problem }) => problem === undefined) ? await namespaceOf(request, deps) : null;
  const values = new Map<ServedResource, RequestValues>();
  for (const one of asked) {
    const { policy, problem, resource, param } = one;
    if (problem !== undefined) {
      if (policy.compiled.failurePolicy !== 'Ignore') findings.refuse(one, { message: problem });
      continue;
    }
    let told = values.get(resource);
    if (!told) {
      told = await requestValues(request, resource, namespace, deps);
      values.set(resource, told);
    }
    const startMs = deps.clock.monotonicMs();
    const { failures, notes } = await judge(policy.compiled, { ...told.variables, params: param });
    countRules(one, failures, (deps.clock.monotonicMs() - startMs) / 1000, deps);
    for (const failure of failures) findings.act(one, failure);
    for (const note of notes) {
      if ('error' in note) findings.refuse(one, { message: note.error });
      else findings.note(policy.name, note.key, note.value);
    }
  }
  findings.conclude();
}

export const validatingPolicies: AdmissionPlugin = {
  name: 'ValidatingAdmissionPolicy',
  handles: (request) => !isBeyondPolicies(request),
  validate,
};
