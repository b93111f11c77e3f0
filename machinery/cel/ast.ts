// The tree of an expression. The parser makes it, macros expanded; the checker writes types and meanings into it.
import type { Overload } from './decls.ts';
import type { CelType, ObjectType } from './types.ts';
import type { Value } from './values.ts';

interface Node {
  /** Offset of the token that stands for the expression: an operator, `(` of a call, `.` of a selection. */
  readonly at: number;
  /** Written by the checker. */
  type?: CelType;
}

interface ConstExpr extends Node {
  readonly kind: 'const';
  readonly value: Value;
}
export interface IdentExpr extends Node {
  readonly kind: 'ident';
  readonly name: string;
  /** What the name means, by the checker. */
  meaning?: Meaning;
}
export interface SelectExpr extends Node {
  readonly kind: 'select';
  readonly operand: Expr;
  readonly field: string;
  /** `has(operand.field)`. */
  readonly isTest: boolean;
  /** Where `a.b.c` is the name of a variable or type as a whole. */
  meaning?: Meaning;
}
export interface CallExpr extends Node {
  readonly kind: 'call';
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: Expr[];
  /** Those that fit, by the checker; several where types are known at run time only. */
  overloads?: readonly Overload[];
  /** The target is the first part of the function's name: `optional.of(x)`. */
  isQualified?: boolean;
}
interface ListExpr extends Node {
  readonly kind: 'list';
  readonly elements: readonly Expr[];
  /** Indexes of elements written `?x`. */
  readonly optionals: ReadonlySet<number>;
}
export interface MapExpr extends Node {
  readonly kind: 'map';
  readonly entries: readonly { readonly key: Expr; readonly value: Expr; readonly isOptional: boolean }[];
}
export interface StructExpr extends Node {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: readonly StructField[];
  /** The type that is made, by the checker. */
  meaning?: ObjectType;
}
export interface StructField {
  readonly name: string;
  readonly value: Expr;
  readonly isOptional: boolean;
  readonly at: number;
}

export type ComprehensionForm = 'all' | 'exists' | 'exists_one' | 'list' | 'map' | 'merge' | 'bind';

/**
 * A loop, as macros write it: over `range`, `result` begins as `init` and becomes `step` for each element. The general form
 * is what is checked and estimated; `form` with `condition` and `transform` says the same briefly, and is what runs.
 */
export interface ComprehensionExpr extends Node {
  readonly kind: 'comprehension';
  readonly form: ComprehensionForm;
  readonly range: Expr;
  readonly variable: string;
  readonly variable2: string | undefined;
  readonly accumulator: string;
  readonly init: Expr;
  readonly loopCondition: Expr;
  readonly step: Expr;
  readonly result: Expr;
  readonly condition: Expr | undefined;
  readonly transform: Expr | undefined;
}

export type Expr = ConstExpr | IdentExpr | SelectExpr | CallExpr | ListExpr | MapExpr | StructExpr | ComprehensionExpr;

/** What a name stands for. */
export type Meaning =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'value'; readonly value: Value };

/** `a.b.c` for a chain of names, with a leading dot if it has one; else undefined. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.isTest) return undefined;
  const operand = qualifiedName(expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
}
