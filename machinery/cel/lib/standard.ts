// The operators and functions of the language definition, conversions and time apart. Overload names are the language's.
import { ints, uints } from '../arithmetic.ts';
import { type Library, member, type Overload, overload } from '../decls.ts';
import { compare, equals, membership } from '../equality.ts';
import { noSuchOverload } from '../errors.ts';
import { elementAt, optionalElementAt, selectOptionalField } from '../fields.ts';
import { matches } from '../regex.ts';
import { codePointCount } from '../size.ts';
import { durationOf, timestampOf } from '../time.ts';
import { t } from '../types.ts';
import {
  ArrayList,
  type CelList,
  type CelMap,
  Double,
  type Duration,
  mapKey,
  type Timestamp,
  UnorderedList,
  type Value,
} from '../values.ts';
import { work } from '../work.ts';

// Evaluated where they are called (compile-call.ts): declared here for the checker alone.
const lazily = (): never => {
  throw noSuchOverload();
};
const doubles = (name: string, id: string, operate: (a: number, b: number) => number) =>
  overload(name, id, 'double, double -> double', (a: Double, b: Double) => new Double(operate(a.value, b.value)));

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

/** Elements of one list, then of the other. Sets and map lists of a schema take no element twice. */
function concatLists(a: CelList, b: CelList): Value {
  work(a.size + b.size);
  const items: Value[] = [];
  for (let i = 0; i < a.size; i++) items.push(a.at(i));
  const places = new Map(a.unordered === 'map' ? items.map((item, i) => [a.identify(item), i]) : []);
  const contains = a.unordered === 'set' ? membership(a) : undefined;
  for (let i = 0; i < b.size; i++) {
    const item = b.at(i);
    const place = places.get(a.identify(item));
    if (place !== undefined) items[place] = item;
    else if (!contains?.(item)) items.push(item);
  }
  return a.unordered === undefined ? new ArrayList(items) : new UnorderedList(items, a);
}

function contains(list: CelList, value: Value): boolean {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), value)) return true;
  return false;
}

const numbers = ['int', 'uint', 'double'] as const;
const overloadNames: Record<string, string> = { int: 'int64', uint: 'uint64', bool: 'bool' };

/** `<` and its like, over two of one type and over two numbers. */
function order(operator: string, name: string, holds: (order: number) => boolean): Overload[] {
  const call = (a: Value, b: Value) => holds(typeof a === 'number' && typeof b === 'number' ? a - b : compare(a, b));
  const same = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration'].map((type) =>
    overload(operator, `${name}_${overloadNames[type] ?? type}`, `${type}, ${type} -> bool`, call),
  );
  const mixed = numbers.flatMap((a) =>
    numbers
      .filter((b) => b !== a)
      .map((b) => {
        const id = `${name}_${overloadNames[a] ?? a}_${overloadNames[b] ?? b}`;
        return overload(operator, id, `${a}, ${b} -> bool`, call);
      }),
  );
  return [...same, ...mixed];
}

const nanos = (value: Duration | Timestamp) => value.nanos;

const moved = (at: Timestamp, by: bigint) => timestampOf(at.nanos + by, at.offsetMinutes);

const arithmetic = [
  overload('_+_', 'add_int64', 'int, int -> int', ints.add),
  overload('_+_', 'add_uint64', 'uint, uint -> uint', uints.add),
  doubles('_+_', 'add_double', (a, b) => a + b),
  overload('_+_', 'add_string', 'string, string -> string', (a: string, b: string) => a + b),
  overload('_+_', 'add_bytes', 'bytes, bytes -> bytes', concatBytes),
  overload('_+_', 'add_list', 'list(A), list(A) -> list(A)', concatLists),
  overload('_+_', 'add_timestamp_duration', 'timestamp, duration -> timestamp', (a, b) => moved(a, nanos(b))),
  overload('_+_', 'add_duration_timestamp', 'duration, timestamp -> timestamp', (a, b) => moved(b, nanos(a))),
  overload('_+_', 'add_duration_duration', 'duration, duration -> duration', (a, b) => durationOf(nanos(a) + nanos(b))),
  overload('_-_', 'subtract_int64', 'int, int -> int', ints.subtract),
  overload('_-_', 'subtract_uint64', 'uint, uint -> uint', uints.subtract),
  doubles('_-_', 'subtract_double', (a, b) => a - b),
  overload('_-_', 'subtract_timestamp_timestamp', 'timestamp, timestamp -> duration', (a, b) =>
    durationOf(nanos(a) - nanos(b)),
  ),
  overload('_-_', 'subtract_timestamp_duration', 'timestamp, duration -> timestamp', (a, b) => moved(a, -nanos(b))),
  overload('_-_', 'subtract_duration_duration', 'duration, duration -> duration', (a, b) =>
    durationOf(nanos(a) - nanos(b)),
  ),
  overload('_*_', 'multiply_int64', 'int, int -> int', ints.multiply),
  overload('_*_', 'multiply_uint64', 'uint, uint -> uint', uints.multiply),
  doubles('_*_', 'multiply_double', (a, b) => a * b),
  overload('_/_', 'divide_int64', 'int, int -> int', ints.divide),
  overload('_/_', 'divide_uint64', 'uint, uint -> uint', uints.divide),
  doubles('_/_', 'divide_double', (a, b) => a / b),
  overload('_%_', 'modulo_int64', 'int, int -> int', ints.modulo),
  overload('_%_', 'modulo_uint64', 'uint, uint -> uint', uints.modulo),
  overload('-_', 'negate_int64', 'int -> int', ints.negate),
  overload('-_', 'negate_double', 'double -> double', (a: Double) => new Double(-a.value)),
];

const operators = [
  overload('_?_:_', 'conditional', 'bool, A, A -> A', lazily),
  overload('_&&_', 'logical_and', 'bool, bool -> bool', lazily),
  overload('_||_', 'logical_or', 'bool, bool -> bool', lazily),
  overload('!_', 'logical_not', 'bool -> bool', (a: boolean) => !a),
  overload('@not_strictly_false', 'not_strictly_false', 'bool -> bool', lazily),
  overload('_==_', 'equals', 'A, A -> bool', equals),
  overload('_!=_', 'not_equals', 'A, A -> bool', (a: Value, b: Value) => !equals(a, b)),
  ...order('_<_', 'less', (o) => o < 0),
  ...order('_<=_', 'less_equals', (o) => o <= 0),
  ...order('_>_', 'greater', (o) => o > 0),
  ...order('_>=_', 'greater_equals', (o) => o >= 0),
  overload('@in', 'in_list', 'A, list(A) -> bool', (value: Value, list: CelList) => contains(list, value)),
  overload('@in', 'in_map', 'A, map(A, B) -> bool', (value: Value, map: CelMap) => {
    const key = mapKey(value);
    return key !== undefined && map.get(key) !== undefined;
  }),
  overload('_[_]', 'index_list', 'list(A), int -> A', elementAt),
  overload('_[_]', 'index_map', 'map(A, B), A -> B', elementAt),
  overload('_[_]', 'optional_list_index_int', 'optional(list(A)), int -> optional(A)', elementAt),
  overload('_[_]', 'optional_map_index_value', 'optional(map(A, B)), A -> optional(B)', elementAt),
  overload('_[?_]', 'list_optindex_optional_int', 'list(A), int -> optional(A)', optionalElementAt),
  overload('_[?_]', 'optional_list_optindex_optional_int', 'optional(list(A)), int -> optional(A)', optionalElementAt),
  overload('_[?_]', 'map_optindex_optional_value', 'map(A, B), A -> optional(B)', optionalElementAt),
  overload('_[?_]', 'optional_map_optindex_optional_value', 'optional(map(A, B)), A -> optional(B)', optionalElementAt),
  overload('_?._', 'select_optional_field', 'dyn, string -> optional(A)', selectOptionalField),
];

const sizes: [string, (value: any) => number][] = [
  ['string', codePointCount],
  ['bytes', (value: Uint8Array) => value.length],
  ['list(A)', (value: CelList) => value.size],
  ['map(A, B)', (value: CelMap) => value.size],
];
const sizeName = (type: string) => type.replace(/\(.*/, '');

const functions = [
  ...sizes.flatMap(([type, size]) => [
    overload('size', `size_${sizeName(type)}`, `${type} -> int`, size),
    member('size', `${sizeName(type)}_size`, `${type} -> int`, size),
  ]),
  member('contains', 'contains_string', 'string, string -> bool', (a: string, b: string) => a.includes(b)),
  member('startsWith', 'starts_with_string', 'string, string -> bool', (a: string, b: string) => a.startsWith(b)),
  member('endsWith', 'ends_with_string', 'string, string -> bool', (a: string, b: string) => a.endsWith(b)),
  overload('matches', 'matches', 'string, string -> bool', matches),
  member('matches', 'matches_string', 'string, string -> bool', matches),
];

export const standardLibrary: Library = {
  functions: [...arithmetic, ...operators, ...functions],
  types: [
    ['bool', t.bool],
    ['int', t.int],
    ['uint', t.uint],
    ['double', t.double],
    ['string', t.string],
    ['bytes', t.bytes],
    ['list', t.list(t.dyn)],
    ['map', t.map(t.dyn, t.dyn)],
    ['null_type', t.null],
    ['type', t.type],
    ['google.protobuf.Timestamp', t.timestamp],
    ['google.protobuf.Duration', t.duration],
  ],
};
