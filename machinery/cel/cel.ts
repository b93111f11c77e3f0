// The Common Expression Language as Kubernetes speaks it: an expression is compiled against an environment once and then
// evaluated with values any number of times. Language: https://github.com/google/cel-spec.
import { check } from './checker.ts';
import { compileExpr } from './compile.ts';
import { estimateCost } from './cost.ts';
import type { CostRange } from './cost-range.ts';
import type { Env } from './env.ts';
import { CelError, CostExceeded, Issues, Pending } from './errors.ts';
import { type Closure, Frame } from './frame.ts';
import { readJson } from './json-values.ts';
import { perCallCostLimit } from './limits.ts';
import { parse } from './parser.ts';
import type { CelType } from './types.ts';
import type { Value } from './values.ts';
import { withWorkLimit } from './work.ts';

type CompileResult =
  | { readonly ok: true; readonly program: Program; readonly type: CelType; readonly cost: CostRange }
  | { readonly ok: false; readonly issues: Issues };

type Evaluation =
  | { readonly ok: true; readonly value: Value; readonly cost: number }
  /** `message` is cel-go's; `isOverCost` where the evaluation was broken off for its cost. */
  | { readonly ok: false; readonly message: string; readonly isOverCost: boolean; readonly cost: number };

interface EvaluateOptions {
  /** What the evaluation may cost; Kubernetes' limit of one call if absent. */
  readonly costLimit?: number;
}

/** Variables by name: JSON where the environment describes it so, else values of CEL. */
export type Variables = Readonly<Record<string, unknown>>;

/** Compiles an expression: its program, type and estimated cost, or why it is none. */
export function compile(source: string, env: Env): CompileResult {
  const parsed = parse(source, env.macros, env.options.hasQuotedNames);
  if ('issues' in parsed) return { ok: false, issues: new Issues(source, parsed.issues) };
  const checked = check(parsed.expr, env);
  if ('issues' in checked) return { ok: false, issues: new Issues(source, checked.issues) };
  const cost = estimateCost(parsed.expr, env);
  return { ok: true, program: new Program(...compileExpr(parsed.expr, env), env), type: checked.type, cost };
}

/** A compiled expression. */
export class Program {
  readonly #closure: Closure;
  readonly #slots: number;
  readonly #env: Env;

  constructor(closure: Closure, slots: number, env: Env) {
    this.#closure = closure;
    this.#slots = slots;
    this.#env = env;
  }

  /**
   * Evaluates; never throws for what the expression does. Where a value needs an answer first (an authorizer that asks
   * elsewhere), use `evaluateAsync`.
   */
  evaluate(variables: Variables, options: EvaluateOptions = {}): Evaluation {
    const outcome = this.#attempt(variables, options);
    if (outcome instanceof Pending) throw new Error('an answer is still under way: use evaluateAsync');
    return outcome;
  }

  /**
   * The same, waiting for answers. The expression is evaluated anew after each: values remember their answers, and an
   * expression does nothing but compute.
   */
  async evaluateAsync(variables: Variables, options: EvaluateOptions = {}): Promise<Evaluation> {
    while (true) {
      const outcome = this.#attempt(variables, options);
      if (!(outcome instanceof Pending)) return outcome;
      await outcome.answer;
    }
  }

  /** The value alone; throws `CelError`, `CostExceeded` and `Pending`. For values that evaluate others (policy variables). */
  run(variables: Variables, costLimit: number): { value: Value; cost: number } {
    const frame = this.#frame(variables, costLimit);
    return { value: withWorkLimit(() => this.#closure(frame)), cost: frame.cost };
  }

  #frame(variables: Variables, costLimit: number): Frame {
    return new Frame((name) => this.#variable(variables, name), this.#slots, costLimit);
  }

  #variable(variables: Variables, name: string): Value | undefined {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const declared = this.#env.variables.get(name)?.decl;
    return declared === undefined || value === undefined ? (value as Value) : readJson(value, declared);
  }

  #attempt(variables: Variables, options: EvaluateOptions): Evaluation | Pending {
    const frame = this.#frame(variables, options.costLimit ?? perCallCostLimit);
    try {
      return { ok: true, value: withWorkLimit(() => this.#closure(frame)), cost: frame.cost };
    } catch (error) {
      if (error instanceof Pending) return error;
      const isOverCost = error instanceof CostExceeded;
      if (!isOverCost && !(error instanceof CelError)) throw error;
      return { ok: false, message: error.message, isOverCost, cost: frame.cost };
    }
  }
}
