// Macros: calls that stand for a loop or another construct. Each builds the general form of the loop, which is checked and
// estimated, and says in `form` what it is. Upstream: cel-go's parser/macro.go.
import type { ComprehensionExpr, ComprehensionForm, Expr } from './ast.ts';
import type { Macro } from './decls.ts';
import { SyntaxIssue } from './errors.ts';
import type { Value } from './values.ts';

const accumulator = '@result';

export interface Loop {
  form: ComprehensionForm;
  range: Expr;
  variables: readonly [string, string?];
  init: Expr;
  loopCondition?: Expr;
  step: Expr;
  result?: Expr;
  condition?: Expr | undefined;
  transform?: Expr;
}

/** Builds trees that stand where the macro was called. */
export class MacroContext {
  at = 0;

  value(value: Value): Expr {
    return { kind: 'const', at: this.at, value };
  }
  ident(name: string): Expr {
    return { kind: 'ident', at: this.at, name };
  }
  call(name: string, ...args: Expr[]): Expr {
    return { kind: 'call', at: this.at, name, target: undefined, args };
  }
  member(target: Expr, name: string, ...args: Expr[]): Expr {
    return { kind: 'call', at: this.at, name, target, args };
  }
  list(...elements: Expr[]): Expr {
    return { kind: 'list', at: this.at, elements, optionals: new Set() };
  }
  emptyMap(): Expr {
    return { kind: 'map', at: this.at, entries: [] };
  }
  accumulator(): Expr {
    return this.ident(accumulator);
  }

  loop({ variables: [variable, variable2], ...loop }: Loop): ComprehensionExpr {
    return {
      ...{ kind: 'comprehension', at: this.at, accumulator, variable, variable2 },
      ...{ loopCondition: this.value(true), result: this.accumulator(), condition: undefined, transform: undefined },
      ...loop,
    };
  }

  /** `name` stands for `init` within `result`. */
  bind(name: string, init: Expr, result: Expr): Expr {
    const [range, loopCondition, step] = [this.list(), this.value(false), this.ident(name)];
    const loop = this.loop({ form: 'bind', range, variables: ['#unused'], init, loopCondition, step, result });
    return { ...loop, accumulator: name };
  }

  /** `condition ? step : result so far`, or the step alone. */
  stepIf(condition: Expr | undefined, step: Expr): Expr {
    return condition === undefined ? step : this.call('_?_:_', condition, step, this.accumulator());
  }

  fail(at: Expr | undefined, message: string): never {
    throw new SyntaxIssue(message, at?.at ?? this.at);
  }

  /** The name of a variable that an argument declares. */
  variable(arg: Expr, message = 'argument must be a simple name'): string {
    if (arg.kind !== 'ident' || arg.name.startsWith('.')) this.fail(arg, message);
    if (arg.name === accumulator) this.fail(arg, 'iteration variable overwrites accumulator variable');
    return arg.name;
  }
}

/** `all`, `exists` and `exists_one` over one or two variables. */
export function expandQuantifier(
  context: MacroContext,
  form: 'all' | 'exists' | 'exists_one',
  range: Expr,
  variables: readonly [string, string?],
  condition: Expr,
): Expr {
  const c = context;
  const loop = { form, range, variables, condition };
  switch (form) {
    case 'all':
      return c.loop({
        ...loop,
        init: c.value(true),
        loopCondition: c.call('@not_strictly_false', c.accumulator()),
        step: c.call('_&&_', c.accumulator(), condition),
      });
    case 'exists':
      return c.loop({
        ...loop,
        init: c.value(false),
        loopCondition: c.call('@not_strictly_false', c.call('!_', c.accumulator())),
        step: c.call('_||_', c.accumulator(), condition),
      });
    default:
      return c.loop({
        ...loop,
        init: c.value(0),
        step: c.stepIf(condition, c.call('_+_', c.accumulator(), c.value(1))),
        result: c.call('_==_', c.accumulator(), c.value(1)),
      });
  }
}

/** A list of `transform` for each element that meets `condition`. */
export function expandList(
  c: MacroContext,
  range: Expr,
  variables: readonly [string, string?],
  condition: Expr | undefined,
  transform: Expr,
): Expr {
  const step = c.stepIf(condition, c.call('_+_', c.accumulator(), c.list(transform)));
  return c.loop({ form: 'list', range, variables, init: c.list(), step, condition, transform });
}

const member = (name: string, args: number, expand: Macro['expand']): Macro => ({ name, args, isMember: true, expand });

const quantifier = (name: string, form: 'all' | 'exists' | 'exists_one'): Macro =>
  member(name, 2, (c, target, [variable, condition]) =>
    expandQuantifier(c, form, target!, [c.variable(variable!)], condition!),
  );

const listVariable = (c: MacroContext, arg: Expr | undefined) => c.variable(arg!, 'argument is not an identifier');

/** What a macro is found by. */
export function macroKey(name: string, args: number | undefined, isMember: boolean): string {
  return `${name}:${args ?? '*'}:${isMember}`;
}

/** The macros of the language. */
export const standardMacros: readonly Macro[] = [
  {
    name: 'has',
    args: 1,
    isMember: false,
    expand(c, _target, [arg]) {
      if (arg?.kind !== 'select' || arg.isTest) return c.fail(arg, 'invalid argument to has() macro');
      return { kind: 'select', at: c.at, operand: arg.operand, field: arg.field, isTest: true };
    },
  },
  quantifier('all', 'all'),
  quantifier('exists', 'exists'),
  quantifier('exists_one', 'exists_one'),
  quantifier('existsOne', 'exists_one'),
  member('map', 2, (c, target, [variable, transform]) =>
    expandList(c, target!, [listVariable(c, variable)], undefined, transform!),
  ),
  member('map', 3, (c, target, [variable, condition, transform]) =>
    expandList(c, target!, [listVariable(c, variable)], condition, transform!),
  ),
  member('filter', 2, (c, target, [variable, condition]) => {
    const name = listVariable(c, variable);
    return expandList(c, target!, [name], condition, c.ident(name));
  }),
];
