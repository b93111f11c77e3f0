// Resource quantities. Upstream: apiserver/pkg/cel/library/quantity.go.
import { parseQuantity, type Quantity, quantityProblem } from '../../quantity.ts';
import { intOf } from '../arithmetic.ts';
import { type Library, member, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { type CelType, t } from '../types.ts';
import { Double, OpaqueValue, type Value } from '../values.ts';

export const quantityType: CelType = t.opaque('kubernetes.Quantity');
const nanosPerUnit = 1_000_000_000n;

class QuantityValue extends OpaqueValue {
  readonly celType = quantityType;
  readonly nanos: bigint;
  /** More than 64 bits of units, cut down to those. */
  readonly isCut: boolean;
  constructor(nanos: bigint, isCut = false) {
    super();
    this.nanos = nanos;
    this.isCut = isCut;
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof QuantityValue && other.nanos === this.nanos;
  }
}

function read(text: string): Quantity | undefined {
  return text.length <= 512 && text === text.trim() ? parseQuantity(text) : undefined;
}

function quantity(text: string): Value {
  const value = read(text);
  if (value !== undefined) return new QuantityValue(value.nanos, isAtBound(value.nanos) && !isBound.test(text));
  throw new CelError(quantityProblem(text));
}

const bound = (2n ** 63n - 1n) * nanosPerUnit;
const isAtBound = (nanos: bigint) => nanos === bound || nanos === -bound;
const isBound = /^[+-]?9223372036854775807$/;

const isWhole = ({ nanos, isCut }: QuantityValue) =>
  !isCut && nanos % nanosPerUnit === 0n && BigInt.asIntN(64, nanos / nanosPerUnit) === nanos / nanosPerUnit;

function asInteger(of: QuantityValue): Value {
  if (!isWhole(of)) throw new CelError('cannot convert value to integer');
  return intOf(of.nanos / nanosPerUnit);
}

/** The nearest double: whole units and what is left of them apart, which are exact. */
function asDouble({ nanos }: QuantityValue): Value {
  const whole = nanos / nanosPerUnit;
  return new Double(nanos % nanosPerUnit === 0n ? Number(whole) : Number(nanos) / 1e9);
}

const order = (a: QuantityValue, b: QuantityValue) => Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos);
const ofInt = (value: number | bigint) => new QuantityValue(BigInt(value) * nanosPerUnit);
const add = (a: QuantityValue, b: QuantityValue) => new QuantityValue(a.nanos + b.nanos);
const subtract = (a: QuantityValue, b: QuantityValue) => new QuantityValue(a.nanos - b.nanos);

const q = 'kubernetes.Quantity';

export const quantityLibrary: Library = {
  types: [[q, quantityType]],
  functions: [
    overload('quantity', 'string_to_quantity', `string -> ${q}`, quantity),
    overload('isQuantity', 'is_quantity_string', 'string -> bool', (text: string) => read(text) !== undefined),
    member('sign', 'quantity_sign', `${q} -> int`, (of: QuantityValue) => order(of, ofInt(0))),
    member('isInteger', 'quantity_is_integer', `${q} -> bool`, isWhole),
    member('asInteger', 'quantity_get_int', `${q} -> int`, asInteger),
    member('asApproximateFloat', 'quantity_get_float', `${q} -> double`, asDouble),
    member('isGreaterThan', 'quantity_is_greater_than', `${q}, ${q} -> bool`, (a, b) => order(a, b) > 0),
    member('isLessThan', 'quantity_is_less_than', `${q}, ${q} -> bool`, (a, b) => order(a, b) < 0),
    member('compareTo', 'quantity_compare_to', `${q}, ${q} -> int`, order),
    member('add', 'quantity_add', `${q}, ${q} -> ${q}`, add),
    member('add', 'quantity_add_int', `${q}, int -> ${q}`, (a, b) => add(a, ofInt(b))),
    member('sub', 'quantity_sub', `${q}, ${q} -> ${q}`, subtract),
    member('sub', 'quantity_sub_int', `${q}, int -> ${q}`, (a, b) => subtract(a, ofInt(b))),
  ],
};
