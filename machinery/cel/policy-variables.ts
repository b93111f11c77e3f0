// The variables of an admission policy: each is an expression over the ones before it, evaluated when it is first looked at
// and then kept. Upstream: apiserver/pkg/cel/lazy, admission/plugin/cel/composition.go.
import type { Program, Variables } from './cel.ts';
import { CelError } from './errors.ts';
import { type CelType, t } from './types.ts';
import { CelObject, type Value } from './values.ts';

const type: CelType = { kind: 'object', name: 'kubernetes.variables', field: () => t.dyn };

/** So many variables may be evaluated by each other: the stack ends somewhere. */
const maxDepth = 500;

class TooDeepError extends CelError {
  constructor() {
    super(`variables are evaluated by each other more than ${maxDepth} deep`);
  }
}

/** The value of `variables` for one request. */
export class PolicyVariables extends CelObject {
  readonly celType = type;
  /** What the variables evaluated so far have cost. */
  cost = 0;
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #given: Variables;
  readonly #costLimit: () => number;
  #depth = 0;
  readonly #outcomes = new Map<string, { value: Value } | { error: CelError }>();

  /** `given` are the other variables of the policy; `costLimit` says what is left when a variable is evaluated. */
  constructor(programs: ReadonlyMap<string, Program>, given: Variables, costLimit: () => number) {
    super();
    this.#programs = programs;
    this.#given = given;
    this.#costLimit = costLimit;
  }

  get(name: string): Value | undefined {
    const program = this.#programs.get(name);
    if (program === undefined) return undefined;
    let outcome = this.#outcomes.get(name);
    if (outcome === undefined) {
      outcome = this.#evaluate(name, program);
      this.#outcomes.set(name, outcome);
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  override has(name: string): boolean {
    return this.#programs.has(name);
  }

  fields(): Iterable<string> {
    return this.#programs.keys();
  }

  #evaluate(name: string, program: Program): { value: Value } | { error: CelError } {
    try {
      if (++this.#depth > maxDepth) throw new TooDeepError();
      const { value, cost } = program.run({ ...this.#given, variables: this }, this.#costLimit());
      this.cost += cost;
      return { value };
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (error instanceof TooDeepError) return { error };
      return { error: new CelError(`composited variable "${name}" fails to evaluate: ${error.message}`) };
    } finally {
      this.#depth--;
    }
  }
}
