// Functions over numbers. Upstream: cel-go's ext/math.go.

import { type Int, intOf, uintOf } from '../../machinery/cel/arithmetic.ts';
import type { Expr } from '../../machinery/cel/ast.ts';
import { type Library, type Macro, type Overload, overload } from '../../machinery/cel/decls.ts';
import { compare } from '../../machinery/cel/equality.ts';
import { CelError } from '../../machinery/cel/errors.ts';
import { type CelList, Double, Uint, type Value } from '../../machinery/cel/values.ts';

type Pick = (a: Value, b: Value) => Value;
const smaller: Pick = (a, b) => (compare(a, b) <= 0 ? a : b);
const larger: Pick = (a, b) => (compare(a, b) >= 0 ? a : b);

function ofList(name: string, pick: Pick): (list: CelList) => Value {
  return (list) => {
    if (list.size === 0) throw new CelError(`math.${name}(list) argument must not be empty`);
    let result = list.at(0);
    compare(result, 0);
    for (let i = 1; i < list.size; i++) result = pick(result, list.at(i));
    return result;
  };
}

/** `math.greatest(a, b, ...)` is `math.@max`, of a list where there are more than two. */
function variadic(name: string, internal: string): Macro {
  return {
    name,
    args: undefined,
    isMember: true,
    expand(c, target, args) {
      if (target?.kind !== 'ident' || target.name !== 'math') return undefined;
      if (args.length === 0) c.fail(target, `math.${name}() requires at least one argument`);
      for (const arg of args) if (!mayBeNumber(arg, args.length === 1)) c.fail(arg, invalidArgument(name, args.length));
      const call = (...given: Expr[]) => c.member(target, internal, ...given);
      return args.length <= 2 ? call(...args) : call(c.list(...args));
    },
  };
}

function invalidArgument(name: string, count: number): string {
  if (count === 1) return `math.${name}() invalid single argument value`;
  return `math.${name}() simple literal arguments must be numeric`;
}

function mayBeNumber(arg: Expr, mayBeList: boolean): boolean {
  if (arg.kind === 'const')
    return typeof arg.value === 'number' || typeof arg.value === 'bigint' || isNumber(arg.value);
  if (arg.kind === 'list')
    return mayBeList && arg.elements.length > 0 && arg.elements.every((e) => mayBeNumber(e, false));
  return arg.kind !== 'map' && arg.kind !== 'struct';
}
const isNumber = (value: Value) => value instanceof Double || value instanceof Uint;

function extreme(name: string, internal: string, pick: Pick): Overload[] {
  const types = ['int', 'uint', 'double'];
  const id = internal.replace('@', '').replace('.', '_');
  return [
    ...types.map((type) => overload(internal, `${id}_${type}`, `${type} -> ${type}`, (value: Value) => value)),
    ...types.flatMap((a) =>
      types.map((b) => overload(internal, `${id}_${a}_${b}`, `${a}, ${b} -> ${a === b ? a : 'dyn'}`, pick)),
    ),
    ...types.map((type) => overload(internal, `${id}_list_${type}`, `list(${type}) -> ${type}`, ofList(name, pick))),
  ];
}

const onDouble = (name: string, of: (value: number) => number) =>
  overload(`math.${name}`, `math_${name}_double`, 'double -> double', (d: Double) => new Double(of(d.value)));
const testDouble = (name: string, of: (value: number) => boolean) =>
  overload(`math.${name}`, `math_${name}_double`, 'double -> bool', (d: Double) => of(d.value));

/** Half is rounded away from zero. */
function round(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

function bits(name: string, operate: (a: bigint, b: bigint) => bigint): Overload[] {
  const fn = `math.bit${name}`;
  return [
    overload(fn, `math_bit${name}_int_int`, 'int, int -> int', (a: Int, b: Int) =>
      intOf(operate(BigInt(a), BigInt(b))),
    ),
    overload(fn, `math_bit${name}_uint_uint`, 'uint, uint -> uint', (a: Uint, b: Uint) =>
      uintOf(operate(a.value, b.value)),
    ),
  ];
}

function shift(name: string, ints: (a: bigint, by: bigint) => bigint, uints: typeof ints): Overload[] {
  const fn = `math.bitShift${name}`;
  const checked = (by: Int): bigint => {
    if (by < 0) throw new CelError(`${fn}() negative offset: ${by}`);
    return BigInt(by);
  };
  const id = `math_bitShift${name}`;
  return [
    overload(fn, `${id}_int_int`, 'int, int -> int', (a: Int, by: Int) => {
      const offset = checked(by);
      return offset > 63n ? 0 : intOf(BigInt.asIntN(64, ints(BigInt(a), offset)));
    }),
    overload(fn, `${id}_uint_int`, 'uint, int -> uint', (a: Uint, by: Int) => {
      const offset = checked(by);
      return offset > 63n ? new Uint(0n) : new Uint(BigInt.asUintN(64, uints(a.value, offset)));
    }),
  ];
}

const absolute = (value: Int): Int =>
  typeof value === 'number' ? Math.abs(value) : intOf(value < 0n ? -value : value);

export const mathLibrary: Library = {
  macros: [variadic('greatest', '@max'), variadic('least', '@min')],
  functions: [
    ...extreme('greatest', 'math.@max', larger),
    ...extreme('least', 'math.@min', smaller),
    onDouble('ceil', Math.ceil),
    onDouble('floor', Math.floor),
    onDouble('round', round),
    onDouble('trunc', Math.trunc),
    testDouble('isNaN', Number.isNaN),
    testDouble('isInf', (value) => Math.abs(value) === Number.POSITIVE_INFINITY),
    testDouble('isFinite', Number.isFinite),
    overload('math.abs', 'math_abs_int', 'int -> int', absolute),
    overload('math.abs', 'math_abs_uint', 'uint -> uint', (value: Uint) => value),
    overload('math.abs', 'math_abs_double', 'double -> double', (d: Double) => new Double(Math.abs(d.value))),
    overload('math.sign', 'math_sign_int', 'int -> int', (value: Int) => Math.sign(Number(value)) + 0),
    overload('math.sign', 'math_sign_uint', 'uint -> uint', (value: Uint) => new Uint(value.value > 0n ? 1n : 0n)),
    overload('math.sign', 'math_sign_double', 'double -> double', (d: Double) => new Double(Math.sign(d.value))),
    overload('math.sqrt', 'math_sqrt_double', 'double -> double', (d: Double) => new Double(Math.sqrt(d.value))),
    overload('math.sqrt', 'math_sqrt_int', 'int -> double', (value: Int) => new Double(Math.sqrt(Number(value)))),
    overload(
      'math.sqrt',
      'math_sqrt_uint',
      'uint -> double',
      (value: Uint) => new Double(Math.sqrt(Number(value.value))),
    ),
    ...bits('And', (a, b) => a & b),
    ...bits('Or', (a, b) => a | b),
    ...bits('Xor', (a, b) => a ^ b),
    overload('math.bitNot', 'math_bitNot_int_int', 'int -> int', (a: Int) => intOf(~BigInt(a))),
    overload(
      'math.bitNot',
      'math_bitNot_uint_uint',
      'uint -> uint',
      (a: Uint) => new Uint(BigInt.asUintN(64, ~a.value)),
    ),
    ...shift(
      'Left',
      (a, by) => a << by,
      (a, by) => a << by,
    ),
    // The sign is no part of what is shifted: zeros come in from the left.
    ...shift(
      'Right',
      (a, by) => BigInt.asUintN(64, a) >> by,
      (a, by) => a >> by,
    ),
  ],
};
