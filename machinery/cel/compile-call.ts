// Calls: operators that need not evaluate all their operands, fields and elements, and the overloads of functions.
import { type CallExpr, type Expr, qualifiedName } from './ast.ts';
import { callCost } from './call-cost.ts';
import { lookUpFunction } from './checker.ts';
import type { Compiler } from './compile.ts';
import type { Overload } from './decls.ts';
import { equals } from './equality.ts';
import { CelError, noSuchOverload } from './errors.ts';
import { elementAt, optionalElementAt, selectOptionalField } from './fields.ts';
import type { Closure } from './frame.ts';
import { selectCost, stringTraversalFactor } from './limits.ts';
import { sizeOf } from './size.ts';
import { type CelType, isDyn, runtimeTypeName } from './types.ts';
import {
  CelList,
  CelMap,
  CelObject,
  Double,
  Duration,
  Optional,
  Timestamp,
  TypeValue,
  typeOf,
  Uint,
  type Value,
} from './values.ts';

export function compileCall(compiler: Compiler, expr: CallExpr): Closure {
  const special = specialCalls[expr.name];
  if (special !== undefined && (expr.target !== undefined) === special.isMember) {
    const args = expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    if (args.length === special.args) {
      return special.compile(...(args.map((arg) => compiler.compile(arg)) as [Closure, Closure, Closure]));
    }
  }
  const { overloads, args } = resolve(compiler, expr);
  const closures = args.map((arg) => compiler.compile(arg));
  const [only] = overloads;
  if (only === undefined) {
    return () => {
      throw new CelError(`unknown function: ${expr.name}`);
    };
  }
  if (overloads.length === 1 && only.args.every((type, i) => isCertain(args[i]!.type, type))) {
    const constant = constantConversion(only, args);
    return constant ?? compileCertain(expr.name, only, closures);
  }
  return compileDispatch(expr.name, overloads, closures);
}

function resolve(compiler: Compiler, expr: CallExpr): { overloads: readonly Overload[]; args: Expr[] } {
  const { target } = expr;
  const all = target === undefined ? expr.args : [target, ...expr.args];
  if (expr.overloads !== undefined) return { overloads: expr.overloads, args: expr.isQualified ? expr.args : all };
  const { env } = compiler;
  const name = target === undefined ? undefined : qualifiedName(target);
  const qualified = name === undefined ? undefined : lookUpFunction(env, `${name}.${expr.name}`);
  const fn = qualified ?? (target === undefined ? lookUpFunction(env, expr.name) : env.functions.get(expr.name));
  const isMember = target !== undefined && qualified === undefined;
  return {
    overloads: (fn?.overloads ?? []).filter((overload) => overload.isMember === isMember),
    args: qualified === undefined ? all : expr.args,
  };
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
  if (!/^\w+$/.test(name) || name.startsWith('_')) return noSuchOverload();
  return new CelError(`no such overload: ${name}(${values.map((v) => runtimeTypeName(typeOf(v))).join(', ')})`);
}

/** Conversions of literals are made once: `duration('1h')`. */
function constantConversion(overload: Overload, args: Expr[]): Closure | undefined {
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

/** Whether a value is of a type, as far as it can be seen without looking into it. */
export function typeTest(type: CelType): (value: Value) => boolean {
  switch (type.kind) {
    case 'string':
      return (v) => typeof v === 'string';
    case 'bool':
      return (v) => typeof v === 'boolean';
    case 'int':
      return (v) => typeof v === 'number' || typeof v === 'bigint';
    case 'uint':
      return (v) => v instanceof Uint;
    case 'double':
      return (v) => v instanceof Double;
    case 'bytes':
      return (v) => v instanceof Uint8Array;
    case 'null':
      return (v) => v === null;
    case 'timestamp':
      return (v) => v instanceof Timestamp;
    case 'duration':
      return (v) => v instanceof Duration;
    case 'list':
      return (v) => v instanceof CelList;
    case 'map':
      return (v) => v instanceof CelMap;
    case 'type':
      return (v) => v instanceof TypeValue;
    case 'object':
      return (v) => v instanceof CelObject && runtimeTypeName(v.celType) === type.name;
    case 'opaque':
      return (v) =>
        runtimeTypeName(typeOf(v)) === type.name || (type.name === 'optional_type' && v instanceof Optional);
    case 'wrapper': {
      const inner = typeTest(type.of);
      return (v) => v === null || inner(v);
    }
    default:
      return () => true;
  }
}

interface SpecialCall {
  readonly args: number;
  readonly isMember: boolean;
  compile(a: Closure, b: Closure, c: Closure): Closure;
}

const operator = (args: number, compile: SpecialCall['compile']): SpecialCall => ({ args, isMember: false, compile });

/** `&&` and `||`: the side that decides wins over an error, and over what is no bool, of the other. */
const logic = (decisive: boolean): SpecialCall =>
  operator(2, (x, y) => (f) => {
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
  operator(2, (x, y) => (f) => {
    const a = x(f);
    const b = y(f);
    f.charge(Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * stringTraversalFactor));
    return equals(a, b) === isEqual;
  });

const lookUp = (find: (value: Value, index: any) => Value): SpecialCall =>
  operator(2, (x, y) => (f) => {
    const value = x(f);
    const index = y(f);
    f.charge(selectCost);
    return find(value, index);
  });

function asOptional(value: Value, name: string): Optional {
  if (value instanceof Optional) return value;
  throw new CelError(`no such overload: ${name}(${runtimeTypeName(typeOf(value))})`);
}

const specialCalls: Readonly<Record<string, SpecialCall | undefined>> = Object.assign(Object.create(null), {
  '_&&_': logic(false),
  '_||_': logic(true),
  '_?_:_': operator(3, (condition, yes, no) => (f) => {
    const value = condition(f);
    if (value === true) return yes(f);
    if (value === false) return no(f);
    throw noSuchOverload();
  }),
  '_==_': equality(true),
  '_!=_': equality(false),
  '_[_]': lookUp(elementAt),
  '_[?_]': lookUp(optionalElementAt),
  '_?._': lookUp(selectOptionalField),
  or: {
    args: 2,
    isMember: true,
    compile: (x, y) => (f) => {
      const first = asOptional(x(f), 'or');
      f.charge(1);
      return first.value === undefined ? asOptional(y(f), 'or') : first;
    },
  },
  orValue: {
    args: 2,
    isMember: true,
    compile: (x, y) => (f) => {
      const first = asOptional(x(f), 'orValue');
      f.charge(1);
      return first.value === undefined ? y(f) : first.value;
    },
  },
} satisfies Record<string, SpecialCall>);
