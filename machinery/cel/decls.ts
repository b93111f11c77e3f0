// Functions as libraries declare them, an overload a row: its name, the types it takes, what it returns and what it does. Signatures are written as text: 'list(A), A -> bool'; of a member function the receiver is the first argument.
import type { Expr } from './ast.ts';
import type { MacroContext } from './macros.ts';
import { type CelType, t } from './types.ts';
import type { Value } from './values.ts';

export interface Overload {
  /** Of the function. */
  readonly name: string;
  readonly id: string;
  readonly args: readonly CelType[];
  readonly result: CelType;
  readonly isMember: boolean;
  /** Gets values of the declared types; throws `CelError`. */
  readonly call: (...args: any[]) => Value;
}

export interface FunctionDecl {
  readonly name: string;
  readonly overloads: readonly Overload[];
}

export interface Macro {
  readonly name: string;
  /** Arguments without the receiver; undefined takes any number. */
  readonly args: number | undefined;
  readonly isMember: boolean;
  /** Undefined leaves the call as it is. */
  expand(context: MacroContext, target: Expr | undefined, args: Expr[]): Expr | undefined;
}

export interface Library {
  readonly functions?: readonly Overload[];
  readonly macros?: readonly Macro[];
  /** Types by the names that expressions call them. */
  readonly types?: readonly (readonly [string, CelType])[];
}

type Call = Overload['call'];

/** `overload('int', 'string_to_int', 'string -> int', parse)`. */
export function overload(name: string, id: string, signature: string, call: Call): Overload {
  return { name, id, ...parseSignature(signature), isMember: false, call };
}

export function member(name: string, id: string, signature: string, call: Call): Overload {
  return { name, id, ...parseSignature(signature), isMember: true, call };
}

function parseSignature(signature: string): { args: CelType[]; result: CelType } {
  const tokens = signature.match(/[\w.]+|->|[(),]/g) ?? [];
  let at = 0;
  const parseType = (): CelType => {
    const name = tokens[at++]!;
    const parameters: CelType[] = [];
    if (tokens[at] === '(') {
      do {
        at++;
        parameters.push(parseType());
      } while (tokens[at] === ',');
      at++;
    }
    if (name === 'list') return t.list(parameters[0]!);
    if (name === 'map') return t.map(parameters[0]!, parameters[1]!);
    if (name === 'optional') return t.optional(parameters[0]!);
    if (name === 'typeOf') return t.typeOf(parameters[0]!);
    if (/^[A-Z]$/.test(name)) return t.parameter(name);
    const known = Object.hasOwn(t, name) ? t[name as keyof typeof t] : undefined;
    return known === undefined || typeof known === 'function' ? t.opaque(name, ...parameters) : known;
  };
  const args: CelType[] = [];
  while (tokens[at] !== '->') {
    args.push(parseType());
    if (tokens[at] === ',') at++;
  }
  at++;
  return { args, result: parseType() };
}
