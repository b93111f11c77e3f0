// What policies of both sorts compile to, and how their expressions are evaluated within their budgets. Upstream:
// apiserver's admission/plugin/cel: composition.go, activation.go.
import type { PolicySpec } from '../../../api/admissionregistration/policy/schema.ts';
import { policyEnvOf } from '../../../api/admissionregistration/policy/validation.ts';
import { compile, type Program, type Variables } from '../../../machinery/cel/cel.ts';
import { type PolicyEnvOptions, policyEnv } from '../../../machinery/cel/kubernetes-env.ts';
import { perCallCostLimit, runtimeCostBudget } from '../../../machinery/cel/limits.ts';
import { PolicyVariables } from '../../../machinery/cel/policy-variables.ts';
import type { CelType } from '../../../machinery/cel/types.ts';
import type { Value } from '../../../machinery/cel/values.ts';
import type { CompiledExpression } from '../webhooks/match-conditions.ts';

export interface PolicyPrograms {
  conditions: readonly CompiledExpression[];
  variables: ReadonlyMap<string, Program>;
  /** What the other expressions may speak of. */
  env: PolicyEnvOptions;
}

/** What is stored has been compiled before, but perhaps by another version: then its program is the reason. */
export function compileText(expression: string, env: ReturnType<typeof policyEnv>): CompiledExpression {
  const compiled = compile(expression.trim(), env);
  return { expression, program: compiled.ok ? compiled.program : `compilation failed: ${compiled.issues}` };
}

export function compilePolicy(spec: PolicySpec): PolicyPrograms {
  const env = policyEnvOf(spec);
  const variables = new Map<string, Program>();
  const types = new Map<string, CelType>();
  for (const { name, expression } of spec.variables ?? []) {
    const compiled = compile(expression, policyEnv({ ...env, variables: types }));
    if (!compiled.ok) continue;
    variables.set(name, compiled.program);
    types.set(name, compiled.type);
  }
  const plain = policyEnv(env);
  return {
    conditions: (spec.matchConditions ?? []).map(({ expression }) => compileText(expression, plain)),
    variables,
    env: variables.size > 0 ? { ...env, variables: types } : env,
  };
}

/** What evaluations may still cost. */
export class Budget {
  #left = runtimeCostBudget;

  /** Throws OutOfBudget where it is more than there is. */
  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new OutOfBudget();
  }
}

export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

export type Evaluated = { ok: true; value: Value } | { ok: false; error: string };

/** The expressions of a policy with their values: those of the request, and the policy's own variables. */
export class Evaluator {
  readonly #variables: PolicyVariables;
  readonly #values: Variables;

  constructor(programs: PolicyPrograms, given: Variables) {
    this.#variables = new PolicyVariables(programs.variables, given, () => perCallCostLimit);
    this.#values = { ...given, variables: this.#variables };
  }

  /** Throws OutOfBudget. */
  async evaluate({ expression, program }: CompiledExpression, budget: Budget): Promise<Evaluated> {
    if (typeof program === 'string') return { ok: false, error: `compilation error: ${program}` };
    const before = this.#variables.cost;
    const outcome = await program.evaluateAsync(this.#values, { costLimit: perCallCostLimit });
    budget.spend(outcome.cost + this.#variables.cost - before);
    if (outcome.ok) return outcome;
    return { ok: false, error: `expression '${expression}' resulted in error: ${outcome.message}` };
  }
}
