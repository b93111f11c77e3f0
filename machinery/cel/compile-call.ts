// Calls: operators that need not evaluate all their operands, fields and elements, and the overloads of functions.
import { type CallExpr, type Expr, qualifiedName } from './ast.ts';
import { callCost } from './call-cost.ts';
import type { Compiler } from './compile.ts';
import { asPart } from './compile-path.ts';
import type { Overload } from './decls.ts';
import { equals, membership } from './equality.ts';
import { CelError, noSuchOverload } from './errors.ts';
import { elementAt, optionalElementAt, selectOptionalField } from './fields.ts';
import type { Closure } from './frame.ts';
import { selectCost, stringTraversalFactor } from './limits.ts';
import { lookUpFunction } from './names.ts';
import { smallerSize } from './size.ts';
import { typeTest } from './type-test.ts';
import { type CelType, isDyn, runtimeTypeName } from './types.ts';
import { ArrayList, noneOptional, OpaqueValue, Optional, typeOf, type Value } from './values.ts';

export function compileCall(compiler: Compiler, expr: CallExpr): Closure {
  const special = specialCalls[expr.name];
  if (special !== undefined && (expr.target !== undefined) === special.isMember) {
    const args = expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    if (args.length === special.args) {
      return special.compile(args.map((arg) => compiler.compile(arg)) as [Closure, Closure, Closure], args);
    }
  }
  const { name, overloads, args } = resolve(compiler, expr);
  const closures = args.map((arg) => compiler.compile(arg));
  if (expr.name === '@in') {
    const lookUp = lookUpAmongLiterals(args[1]!, closures[0]!);
    if (lookUp !== undefined) return lookUp;
  }
  const [only] = overloads;
  if (only === undefined) {
    return () => {
      throw new CelError(`unknown function: ${expr.name}`);
    };
  }
  if (overloads.length === 1 && only.args.every((type, i) => isCertain(args[i]!.type, type))) {
    const constant = constantConversion(only, args);
    return constant ?? compileCertain(name, only, closures);
  }
  return compileDispatch(name, overloads, closures);
}

/** What is called, by its full name, and with what. */
function resolve(
  compiler: Compiler,
  expr: CallExpr,
): { name: string; overloads: readonly Overload[]; args: readonly Expr[] } {
  const { target, args } = expr;
  const all = target === undefined ? args : [target, ...args];
  const path = target === undefined ? undefined : qualifiedName(target);
  const fullName = `${path}.${expr.name}`;
  if (expr.overloads !== undefined) {
    if (expr.isQualified) return { name: fullName, overloads: expr.overloads, args };
    return { name: expr.name, overloads: expr.overloads, args: all };
  }
  const { env } = compiler;
  const qualified = path === undefined ? undefined : lookUpFunction(env, fullName);
  if (qualified !== undefined) return { name: fullName, overloads: qualified.overloads, args };
  const fn = target === undefined ? lookUpFunction(env, expr.name) : env.functions.get(expr.name);
  const isMember = target !== undefined;
  const overloads = (fn?.overloads ?? []).filter((overload) => overload.isMember === isMember);
  return { name: expr.name, overloads, args: all };
}

/** A call whose arguments are known to be of the declared types. */
function compileCertain(name: string, overload: Overload, args: Closure[]): Closure {
  const { call, id } = overload;
  const cost = callCost(name, id);
  const [x, y] = args;
  if (cost === undefined && args.length === 1) {
    return (f) => {
      const a = x!(f);
      f.charge(1);
      return call(a);
    };
  }
  if (cost === undefined && args.length === 2) {
    return (f) => {
      const a = x!(f);
      const b = y!(f);
      f.charge(1);
      return call(a, b);
    };
  }
  return (f) => {
    const values: Value[] = [];
    for (const arg of args) values.push(arg(f));
    f.charge(cost === undefined ? 1 : cost(values));
    return call(...values);
  };
}

function compileDispatch(name: string, overloads: readonly Overload[], args: Closure[]): Closure {
  const choices = overloads
    .filter((overload) => overload.args.length === args.length)
    .map((overload) => ({ ...overload, tests: overload.args.map(typeTest), cost: callCost(name, overload.id) }));
  return (f) => {
    const values: Value[] = [];
    for (const arg of args) values.push(arg(f));
    const choice = choices.find(({ tests }) => tests.every((test, i) => test(values[i]!)));
    if (choice === undefined) throw unmatched(name, values);
    f.charge(choice.cost === undefined ? 1 : choice.cost(values));
    return choice.call(...values);
  };
}

function unmatched(name: string, values: Value[]): CelError {
  if (!/^[\w.]+$/.test(name) || name.startsWith('_')) return noSuchOverload();
  return new CelError(`no such overload: ${name}(${values.map((v) => runtimeTypeName(typeOf(v))).join(', ')})`);
}

/** Membership in a list of literals of one type costs nothing: they are looked up. */
function lookUpAmongLiterals(list: Expr, value: Closure): Closure | undefined {
  if (list.kind !== 'list' || list.optionals.size > 0 || list.elements.length === 0) return undefined;
  const literals = list.elements.map((element) => (element.kind === 'const' ? element.value : null));
  const names = new Set(literals.map((literal) => runtimeTypeName(typeOf(literal))));
  if (names.size > 1 || !['bool', 'int', 'uint', 'double', 'string'].includes([...names][0]!)) return undefined;
  const contains = membership(new ArrayList(literals));
  return (f) => contains(value(f));
}

/** Conversions of literals are made once: `duration('1h')`. */
function constantConversion(overload: Overload, args: readonly Expr[]): Closure | undefined {
  const [arg] = args;
  if (
    args.length !== 1 ||
    arg!.kind !== 'const' ||
    !/_to_(?:duration|timestamp|bytes|string|int|uint|double)$/.test(overload.id)
  )
    return undefined;
  try {
    const value = overload.call(arg!.value);
    return () => value;
  } catch (error) {
    if (error instanceof CelError) return undefined;
    throw error;
  }
}

/** Whether values of a checked expression need not be looked at before they are given to a parameter. */
function isCertain(given: CelType | undefined, parameter: CelType): boolean {
  if (isDyn(parameter) || parameter.kind === 'parameter') return true;
  if (given === undefined || isDyn(given) || given.kind === 'wrapper' || given.kind !== parameter.kind) return false;
  return true;
}

interface SpecialCall {
  readonly args: number;
  readonly isMember: boolean;
  compile(closures: [Closure, Closure, Closure], args: readonly Expr[]): Closure;
}

const operator = (args: number, compile: SpecialCall['compile']): SpecialCall => ({ args, isMember: false, compile });

/** `&&` and `||`: the side that decides wins over an error, and over what is no bool, of the other. */
const logic = (decisive: boolean): SpecialCall =>
  operator(2, ([x, y]) => (f) => {
    let failure: CelError | undefined;
    let left: Value = null;
    try {
      left = x(f);
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      failure = error;
    }
    if (left === decisive) return decisive;
    let right: Value;
    try {
      right = y(f);
    } catch (error) {
      throw failure !== undefined && error instanceof CelError ? failure : error;
    }
    if (right === decisive) return decisive;
    if (failure !== undefined) throw failure;
    if (left === !decisive && right === !decisive) return !decisive;
    throw noSuchOverload();
  });

const equality = (isEqual: boolean): SpecialCall =>
  operator(2, ([x, y]) => (f) => {
    const a = x(f);
    const b = y(f);
    const size = a instanceof OpaqueValue ? 1 : smallerSize(a, b);
    f.charge(Math.ceil(size * stringTraversalFactor));
    return equals(a, b) === isEqual;
  });

const lookUp = (find: (value: Value, index: any) => Value): SpecialCall =>
  operator(2, ([x, y], [, index]) => {
    const at = asPart(index!, y);
    return (f) => {
      const value = x(f);
      const key = at(f);
      const found = find(value, key);
      // What is looked for and absent is no step.
      f.charge(found === noneOptional ? 0 : selectCost);
      return found;
    };
  });

function asOptional(value: Value, name: string): Optional {
  if (value instanceof Optional) return value;
  throw new CelError(`no such overload: ${name}(${runtimeTypeName(typeOf(value))})`);
}

const specialCalls: Readonly<Record<string, SpecialCall | undefined>> = Object.assign(Object.create(null), {
  '_&&_': logic(false),
  '_||_': logic(true),
  '_?_:_': operator(3, ([condition, x, y], args) => {
    const yes = asPart(args[1]!, x);
    const no = asPart(args[2]!, y);
    return (f) => {
      const value = condition(f);
      if (value === true) return yes(f);
      if (value === false) return no(f);
      throw noSuchOverload();
    };
  }),
  '_==_': equality(true),
  '_!=_': equality(false),
  '_[_]': lookUp(elementAt),
  '_[?_]': lookUp(optionalElementAt),
  '_?._': lookUp(selectOptionalField),
  or: {
    args: 2,
    isMember: true,
    compile:
      ([x, y]) =>
      (f) => {
        const first = asOptional(x(f), 'or');
        return first.value === undefined ? asOptional(y(f), 'or') : first;
      },
  },
  orValue: {
    args: 2,
    isMember: true,
    compile:
      ([x, y]) =>
      (f) => {
        const first = asOptional(x(f), 'orValue');
        return first.value === undefined ? y(f) : first.value;
      },
  },
} satisfies Record<string, SpecialCall>);
