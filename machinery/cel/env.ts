// An environment: what an expression may name. Made once for many expressions; `kubernetes-env.ts` has those of
// Kubernetes. Upstream: cel-go's cel.Env.
import type { DeclType } from './decl-type.ts';
import type { FunctionDecl, Library, Macro, Overload } from './decls.ts';
import { macroKey, standardMacros } from './macros.ts';
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
  /** Literals given to `duration`, `timestamp`, `matches` and `find` are looked at when the expression is compiled. */
  readonly checksLiterals?: boolean;
  /** `has(a.b)` costs nothing beside `a`, as it is in Kubernetes. */
  readonly isPresenceTestFree?: boolean;
}

/** What libraries bring, put together once for all environments that have the same list of them. */
interface Tables {
  readonly macros: ReadonlyMap<string, Macro>;
  readonly functions: ReadonlyMap<string, FunctionDecl>;
  readonly types: ReadonlyMap<string, CelType>;
}

export interface Env extends Tables {
  readonly container: string;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly options: EnvOptions;
}

const known = new WeakMap<readonly Library[], Tables>();

/** Makes an environment; libraries may add overloads to one another's functions. */
export function createEnv(options: EnvOptions): Env {
  let tables = known.get(options.libraries);
  if (tables === undefined) {
    tables = combine(options.libraries);
    known.set(options.libraries, tables);
  }
  return {
    ...tables,
    types: options.types === undefined ? tables.types : new Map([...tables.types, ...options.types]),
    container: options.container ?? '',
    variables: new Map(Object.entries(options.variables ?? {}).map(([name, of]) => [name, variable(name, of)])),
    options,
  };
}

function combine(libraries: readonly Library[]): Tables {
  const overloads = new Map<string, Map<string, Overload>>();
  for (const one of libraries.flatMap((library) => library.functions ?? [])) {
    overloads.set(one.name, (overloads.get(one.name) ?? new Map<string, Overload>()).set(one.id, one));
  }
  const macros = [...standardMacros, ...libraries.flatMap((library) => library.macros ?? [])];
  return {
    macros: new Map(macros.map((macro) => [macroKey(macro.name, macro.args, macro.isMember), macro])),
    functions: new Map([...overloads].map(([name, all]) => [name, { name, overloads: [...all.values()] }])),
    types: new Map(libraries.flatMap((library) => library.types ?? [])),
  };
}

function variable(name: string, of: CelType | DeclType): Variable {
  return 'kind' in of ? { name, type: of } : { name, type: of.type, decl: of };
}
