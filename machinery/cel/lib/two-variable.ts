// Loops over index and element, or key and value. Upstream: cel-go's ext/comprehensions.go.
import type { Expr } from '../ast.ts';
import { type Library, type Macro, overload } from '../decls.ts';
import { noSuchOverload } from '../errors.ts';
import { expandList, expandQuantifier, type MacroContext } from '../macros.ts';

function variables(c: MacroContext, first: Expr, second: Expr): [string, string] {
  const names: [string, string] = [c.variable(first), c.variable(second)];
  if (names[0] === names[1]) c.fail(second, `duplicate variable name: ${names[1]}`);
  return names;
}

const quantifier = (name: string, form: 'all' | 'exists' | 'exists_one'): Macro => ({
  name,
  args: 3,
  isMember: true,
  expand: (c, target, [first, second, condition]) =>
    expandQuantifier(c, form, target!, variables(c, first!, second!), condition!),
});

/** With and without a condition before the transformation. */
function transformation(
  name: string,
  expand: (c: MacroContext, range: Expr, names: [string, string], condition: Expr | undefined, last: Expr) => Expr,
): Macro[] {
  return [3, 4].map((args) => ({
    name,
    args,
    isMember: true,
    expand: (c, target, given) => {
      const condition = args === 4 ? given[2] : undefined;
      return expand(c, target!, variables(c, given[0]!, given[1]!), condition, given.at(-1)!);
    },
  }));
}

function intoMap(form: 'map' | 'merge') {
  return (
    c: MacroContext,
    range: Expr,
    names: [string, string],
    condition: Expr | undefined,
    transform: Expr,
  ): Expr => {
    const inserted = form === 'map' ? [c.ident(names[0]), transform] : [transform];
    const step = c.stepIf(condition, c.call('@mapInsert', c.accumulator(), ...inserted));
    return c.loop({ form, range, variables: names, init: c.emptyMap(), step, condition, transform });
  };
}

// What runs is the loop itself; the function is there for the checker.
const lazily = (): never => {
  throw noSuchOverload();
};

export const twoVariableLibrary: Library = {
  macros: [
    quantifier('all', 'all'),
    quantifier('exists', 'exists'),
    quantifier('exists_one', 'exists_one'),
    quantifier('existsOne', 'exists_one'),
    ...transformation('transformList', expandList),
    ...transformation('transformMap', intoMap('map')),
    ...transformation('transformMapEntry', intoMap('merge')),
  ],
  functions: [
    overload('@mapInsert', '@mapInsert_map_key_value', 'map(A, B), A, B -> map(A, B)', lazily),
    overload('@mapInsert', '@mapInsert_map_map', 'map(A, B), map(A, B) -> map(A, B)', lazily),
  ],
};
