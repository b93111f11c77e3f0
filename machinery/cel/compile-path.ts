// Paths: variables, their fields and elements. cel-go resolves a path in one go, and charges less where one stands as a
// branch of a condition or as an index: the start of it is then no step of its own.
import type { Expr } from './ast.ts';
import type { Closure } from './frame.ts';
import { selectCost } from './limits.ts';

/** Whether an expression is a variable, or a field or element of something. */
function isPath(expr: Expr): boolean {
  if (expr.kind === 'ident') return expr.meaning?.kind !== 'value';
  if (expr.kind === 'select') return !expr.isTest && expr.meaning?.kind !== 'value';
  return expr.kind === 'call' && ['_[_]', '_?._', '_[?_]'].includes(expr.name);
}

/** The closure of an expression that is part of a path, or of a condition. */
export function asPart(expr: Expr, closure: Closure): Closure {
  if (!isPath(expr)) return closure;
  return (f) => {
    const value = closure(f);
    f.cost -= selectCost;
    return value;
  };
}
