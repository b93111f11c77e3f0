// An environment: what an expression may name. Made once for many expressions; `kubernetes-env.ts` has those of
// Kubernetes. Upstream: cel-go's cel.Env.
import type { DeclType } from './decl-type.ts';
import type { FunctionDecl, Library, Macro, Overload } from './decls.ts';
import { standardMacros } from './macros.ts';
import type { CelType } from './types.ts';

export interface Variable {
  readonly name: string;
  readonly type: CelType;
  /** How its values are read, when they are JSON. */
  readonly decl?: DeclType;
}

export interface EnvOptions {
  readonly libraries: readonly Library[];
  /** Each by the type of its values, or by what JSON it is made from. */
  readonly variables?: Readonly<Record<string, CelType | DeclType>>;
  /** The types that `Name{}` and `type(x) == Name` may use. */
  readonly types?: readonly (readonly [string, CelType])[];
  /** Types that are too many to list, by their full names. */
  readonly resolveType?: (name: string) => CelType | undefined;
  /** Ints by name: values of enumerations. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Names are looked up within this one first: `a.b`. */
  readonly container?: string;
  /** Fields may be named in backticks; Kubernetes' expressions escape names instead (`escapeName`). */
  readonly hasQuotedNames?: boolean;
  /** Elements of a list literal, and values of a map literal, are of one type. */
  readonly hasUniformLiterals?: boolean;
  /** Literals given to `duration`, `timestamp` and `matches` are looked at when the expression is compiled. */
  readonly checksLiterals?: boolean;
  /** `has(a.b)` costs nothing beside `a`, as it is in Kubernetes. */
  readonly isPresenceTestFree?: boolean;
}

export interface Env {
  readonly container: string;
  readonly macros: readonly Macro[];
  readonly functions: ReadonlyMap<string, FunctionDecl>;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly types: ReadonlyMap<string, CelType>;
  readonly options: EnvOptions;
}

/** Makes an environment; libraries may add overloads to one another's functions. */
export function createEnv(options: EnvOptions): Env {
  const overloads = new Map<string, Map<string, Overload>>();
  for (const { functions = [] } of options.libraries) {
    for (const { name, overloads: added } of functions) {
      const known = overloads.get(name) ?? new Map<string, Overload>();
      for (const one of added) known.set(one.id, one);
      overloads.set(name, known);
    }
  }
  return {
    container: options.container ?? '',
    macros: [...standardMacros, ...options.libraries.flatMap((library) => library.macros ?? [])],
    functions: new Map([...overloads].map(([name, known]) => [name, { name, overloads: [...known.values()] }])),
    variables: new Map(Object.entries(options.variables ?? {}).map(([name, of]) => [name, variable(name, of)])),
    types: new Map([...options.libraries.flatMap((library) => library.types ?? []), ...(options.types ?? [])]),
    options,
  };
}

function variable(name: string, of: CelType | DeclType): Variable {
  return 'kind' in of ? { name, type: of } : { name, type: of.type, decl: of };
}

/** The names that a name may stand for, the most specific first: within `a.b`, `x` is `a.b.x`, `a.x`, `x`. */
export function candidateNames(container: string, name: string): string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  const names = [name];
  for (let scope = container; scope !== ''; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
    names.splice(names.length - 1, 0, `${scope}.${name}`);
  }
  return names;
}
