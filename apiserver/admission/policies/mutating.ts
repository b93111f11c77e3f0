// MutatingAdmissionPolicy: changes in CEL. Upstream: apiserver's admission/plugin/policy/mutating/dispatcher.go.
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import type { MutatingAdmissionPolicySpec } from '../../../api/admissionregistration/mutatingadmissionpolicy.ts';
import type { BindingSpec } from '../../../api/admissionregistration/policy/schema.ts';
import { policyEnv } from '../../../machinery/cel/kubernetes-env.ts';
import { StatusError } from '../../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, refusal } from '../plugin.ts';
import { Rounds } from '../reinvocation.ts';
import { type CompiledExpression, holdAll } from '../webhooks/match-conditions.ts';
import { takeOver } from '../webhooks/view.ts';
import { boundPolicies } from './configured.ts';
import { type Invocation, invocationsOf } from './invocations.ts';
import { isBeyondPolicies } from './matching.ts';
import { applyConfiguration, applyOperations, MutationError } from './patches.ts';
import { Budget, compilePolicy, compileText, Evaluator, OutOfBudget, type PolicyPrograms } from './programs.ts';
import { namespaceOf, requestValues } from './request-values.ts';

interface Mutation {
  patchType: string;
  change: CompiledExpression;
}

interface MutatingPrograms extends PolicyPrograms {
  mutations: readonly Mutation[];
}

type Asked = Invocation<MutatingAdmissionPolicySpec, BindingSpec, MutatingPrograms>;

function compileMutating(spec: MutatingAdmissionPolicySpec): MutatingPrograms {
  const programs = compilePolicy(spec);
  const env = policyEnv({ ...programs.env, hasPatchTypes: true });
  const mutations = (spec.mutations ?? []).map(({ patchType, jsonPatch, applyConfiguration: applied }) => {
    const text = (patchType === 'JSONPatch' ? jsonPatch : applied)?.expression ?? '';
    return { patchType, change: compileText(text, env) };
  });
  return { ...programs, mutations };
}

const policiesOf = boundPolicies<MutatingAdmissionPolicySpec, BindingSpec, MutatingPrograms>(
  'MutatingAdmissionPolicy',
  compileMutating,
);

const rounds = new WeakMap<AdmissionRequest, Rounds>();

/** Why a policy could not do what it is for. */
interface Problem {
  asked: Asked;
  message: string;
  reason: 'Forbidden' | 'Invalid';
}

async function mutate(request: AdmissionRequest, deps: AdmissionDeps): Promise<void> {
  const policies = await policiesOf(deps);
  if (policies.length === 0) return;
  const asked = await invocationsOf(policies, request, deps);
  if (asked.length === 0) return;
  const problems: Problem[] = [];
  const able = asked.filter((one) => one.problem === undefined);
  for (const one of asked) {
    if (one.problem !== undefined) problems.push({ asked: one, message: one.problem, reason: 'Forbidden' });
  }
  if (able.length > 0) problems.push(...(await runAll(able, request, deps)));
  refuse(request, problems);
}

async function runAll(able: readonly Asked[], request: AdmissionRequest, deps: AdmissionDeps): Promise<Problem[]> {
  const state = rounds.getOrInsertComputed(request, () => new Rounds());
  state.begin(request.object);
  const namespace = await namespaceOf(request, deps);
  const problems: Problem[] = [];
  for (const asked of able) {
    const { policy, binding, param, resource } = asked;
    const told = await requestValues(request, resource, namespace, deps);
    const given = { ...told.variables, params: param };
    const matches = await holdAll(policy.compiled.conditions, given);
    if (typeof matches === 'string') problems.push({ asked, message: matches, reason: 'Invalid' });
    if (matches !== true) continue;
    const { name = '', namespace: at = '' } = param?.metadata ?? {};
    const id = [policy.name, binding!.name, at, name].join('/');
    if (!state.asks(id)) continue;
    const before = request.object && cloneJson(request.object);
    problems.push(...(await carryOut(asked, request, namespace, deps)));
    if (!jsonEqual(before, request.object)) {
      request.reinvoke = true;
      state.changed();
    }
    state.asked(id, policy.spec.reinvocationPolicy);
  }
  state.end(request.object);
  return problems;
}

/** Each mutation, and the variables for it, sees what those before it have made of the object. */
async function carryOut(
  asked: Asked,
  request: AdmissionRequest,
  namespace: KubeObject | null,
  deps: AdmissionDeps,
): Promise<Problem[]> {
  const { policy, param, resource } = asked;
  const problems: Problem[] = [];
  for (const { patchType, change } of policy.compiled.mutations) {
    const { view, variables } = await requestValues(request, resource, namespace, deps);
    if (!view.object) return problems;
    const evaluator = new Evaluator(policy.compiled, { ...variables, params: param });
    try {
      const outcome = await evaluator.evaluate(change, new Budget());
      if (!outcome.ok) throw new MutationError(outcome.error);
      const schema = request.speaks ? undefined : resource.version.schema;
      const next =
        patchType === 'JSONPatch'
          ? applyOperations(view.object, outcome.value)
          : applyConfiguration(view.object, outcome.value, schema);
      await takeOver(request, next, resource, deps);
    } catch (err) {
      if (!(err instanceof MutationError) && !(err instanceof OutOfBudget)) throw err;
      problems.push({ asked, message: err.message, reason: 'Invalid' });
    }
  }
  return problems;
}

/** Throws the refusal where a policy that must not fail has failed. */
function refuse(request: AdmissionRequest, problems: readonly Problem[]): void {
  const fatal = problems.filter(({ asked }) => asked.policy.spec.failurePolicy !== 'Ignore');
  const [first] = fatal;
  if (!first) return;
  const texts = fatal.map(({ asked: { policy, binding }, message }) =>
    binding
      ? `policy '${policy.name}' with binding '${binding.name}' denied request: ${message}`
      : `policy ${JSON.stringify(policy.name)} denied request: ${message}`,
  );
  const { details } = refusal(request, '');
  const causes = texts.map((message) => ({ message }));
  throw new StatusError(403, first.reason, texts[0]!, { details: { ...details, causes } });
}

export const mutatingPolicies: AdmissionPlugin = {
  name: 'MutatingAdmissionPolicy',
  handles: (request) => request.operation !== 'DELETE' && !isBeyondPolicies(request),
  mutate,
};
