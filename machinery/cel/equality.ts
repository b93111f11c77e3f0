// Equality and order of values. Numbers of different types compare by their amount; values of other different types are
// unequal. Upstream: cel-go's common/types, Equal and Compare.
import { CelError, noSuchOverload } from './errors.ts';
import {
  CelList,
  CelMap,
  CelObject,
  Double,
  Duration,
  mapKey,
  OpaqueValue,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';
import { work } from './work.ts';

export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' && typeof b !== 'object') return false;
  if (a === null || b === null) return false;
  const [left, right] = [amount(a), amount(b)];
  if (left !== undefined || right !== undefined) {
    return left !== undefined && right !== undefined && compareAmounts(left, right) === 0;
  }
  work(1);
  if (a instanceof CelList) return b instanceof CelList && equalLists(a, b);
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b);
  if (a instanceof CelObject) return b instanceof CelObject && equalObjects(a, b);
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof OpaqueValue) return b instanceof OpaqueValue && a.constructor === b.constructor && a.equals(b);
  if (!(a instanceof Optional && b instanceof Optional)) return false;
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equals(a.value, b.value);
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.size !== b.size) return false;
  work(a.size);
  if (a.unordered !== undefined) return hasAll(a, b) && hasAll(b, a);
  for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i))) return false;
  return true;
}

/** Whether each element of one list is in the other. */
export function hasAll(list: CelList, elements: CelList): boolean {
  const contains = membership(list);
  for (let i = 0; i < elements.size; i++) if (!contains(elements.at(i))) return false;
  return true;
}

/** A test whether a list has an element: scalars are looked up, others compared with each that could be it. */
export function membership(list: CelList): (value: Value) => boolean {
  work(list.size);
  const scalars = new Set<unknown>();
  const others = new Map<string | undefined, Value[]>();
  for (let i = 0; i < list.size; i++) {
    const item = list.at(i);
    const key = mapKey(item);
    if (key !== undefined) scalars.add(key);
    else {
      const identity = list.identify(item);
      const group = others.get(identity);
      if (group === undefined) others.set(identity, [item]);
      else group.push(item);
    }
  }
  return (value) => {
    const key = mapKey(value);
    if (key !== undefined) return scalars.has(key);
    const group = others.get(list.identify(value)) ?? [];
    work(group.length);
    return group.some((other) => equals(other, value));
  };
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  work(a.size);
  for (const key of a.keys()) {
    const canonical = mapKey(key)!;
    const other = b.get(canonical);
    if (other === undefined || !equals(a.get(canonical)!, other)) return false;
  }
  return true;
}

function equalObjects(a: CelObject, b: CelObject): boolean {
  if (!a.isSameType(b)) return false;
  const names = [...a.fields()];
  work(names.length);
  if (names.length !== [...b.fields()].length) return false;
  return names.every((name) => {
    const other = b.entry(name);
    return other !== undefined && equals(a.entry(name)!, other);
  });
}

/** The amount of a number; undefined for other values. */
export function amount(value: Value): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint || value instanceof Double) return value.value;
  return undefined;
}

/** Negative, zero or positive; NaN where one is not a number. Throws for values without an order. */
export function compare(a: Value, b: Value): number {
  const [left, right] = [amount(a), amount(b)];
  if (left !== undefined && right !== undefined) return compareAmounts(left, right);
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp) return Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos);
  if (a instanceof Duration && b instanceof Duration) return Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  throw noSuchOverload();
}

/** Integers exactly; an integer with a double as two doubles. */
function compareAmounts(a: number | bigint, b: number | bigint): number {
  const [left, right] = typeof a === typeof b ? [a, b] : [Number(a), Number(b)];
  if (left < right) return -1;
  if (left > right) return 1;
  return left === right ? 0 : Number.NaN;
}

/** By code points, which UTF-16 does not order by. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  let i = 0;
  while (i < length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (i === length) return a.length - b.length;
  const rank = (code: number) => (code >= 0xd800 && code <= 0xdfff ? code + 0x10000 : code);
  return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** A key that a map may have. */
export function keyOf(value: Value): string | number | bigint | boolean {
  const key = value instanceof Double ? undefined : mapKey(value);
  if (key === undefined) throw new CelError('unsupported key type');
  return key;
}
