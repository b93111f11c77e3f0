// Kubernetes' functions over lists: `sum`, `min`, `max`, `isSorted`, `indexOf`. Upstream: apiserver/pkg/cel/library/lists.go.
import { ints, uints } from '../arithmetic.ts';
import { type Library, member, type Overload } from '../decls.ts';
import { compare, equals } from '../equality.ts';
import { CelError, noSuchOverload } from '../errors.ts';
import { durationOf } from '../time.ts';
import { type CelList, Double, Duration, Uint, type Value } from '../values.ts';

const ordered = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];

function isSorted(list: CelList): boolean {
  for (let i = 1; i < list.size; i++) if (compare(list.at(i - 1), list.at(i)) > 0) return false;
  return true;
}

function add(a: Value, b: Value): Value {
  if (a instanceof Double && b instanceof Double) return new Double(a.value + b.value);
  if (a instanceof Uint && b instanceof Uint) return uints.add(a, b);
  if (a instanceof Duration && b instanceof Duration) return durationOf(a.nanos + b.nanos);
  const isInt = (value: Value) => typeof value === 'number' || typeof value === 'bigint';
  if (isInt(a) && isInt(b)) return ints.add(a as number, b as number);
  throw noSuchOverload();
}

/** The sum; `zero` of an empty list. */
function sumFrom(zero: Value) {
  return (list: CelList): Value => {
    if (list.size === 0) return zero;
    let sum = list.at(0);
    for (let i = 1; i < list.size; i++) sum = add(sum, list.at(i));
    return sum;
  };
}
const zeros: Record<string, Value> = { int: 0, uint: new Uint(0n), double: new Double(0), duration: new Duration(0n) };

function pick(name: string, isBetter: (order: number) => boolean): Overload[] {
  const best = (list: CelList): Value => {
    if (list.size === 0) throw new CelError(`${name} called on empty list`);
    let found = list.at(0);
    for (let i = 1; i < list.size; i++) {
      const item = list.at(i);
      if (isBetter(compare(item, found))) found = item;
    }
    return found;
  };
  return ordered.map((type) => member(name, `list_${type}_${name}_${type}`, `list(${type}) -> ${type}`, best));
}

function indexOf(list: CelList, value: Value): number {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), value)) return i;
  return -1;
}

function lastIndexOf(list: CelList, value: Value): number {
  for (let i = list.size - 1; i >= 0; i--) if (equals(list.at(i), value)) return i;
  return -1;
}

export const listValueLibrary: Library = {
  functions: [
    ...ordered.map((type) => member('isSorted', `list_${type}_is_sorted_bool`, `list(${type}) -> bool`, isSorted)),
    ...Object.entries(zeros).map(([type, zero]) =>
      member('sum', `list_${type}_sum_${type}`, `list(${type}) -> ${type}`, sumFrom(zero)),
    ),
    ...pick('min', (order) => order < 0),
    ...pick('max', (order) => order > 0),
    member('indexOf', 'list_a_index_of_int', 'list(A), A -> int', indexOf),
    member('lastIndexOf', 'list_a_last_index_of_int', 'list(A), A -> int', lastIndexOf),
  ],
};
