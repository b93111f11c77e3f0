// Fields and elements: what `a.b`, `a[b]`, `a.?b` and `has(a.b)` find.
import { CelError, noSuchKey, noSuchOverload } from './errors.ts';
import { toText } from './text.ts';
import { CelList, CelMap, CelObject, Double, mapKey, noneOptional, Optional, Uint, type Value } from './values.ts';

/** The field, or undefined where the value has none of the name; throws where it can have no fields. */
function findField(value: Value, name: string): Value | undefined {
  if (value instanceof CelObject || value instanceof CelMap) return value.get(name);
  throw noSuchOverload();
}

export function selectField(value: Value, name: string): Value {
  if (value instanceof Optional) return selectOptionalField(value, name);
  const found = findField(value, name);
  if (found === undefined) throw noSuchKey(name);
  return found;
}

export function testField(value: Value, name: string): boolean {
  const target = value instanceof Optional ? value.value : value;
  if (target === undefined) return false;
  if (target instanceof CelObject) return target.has(name);
  return findField(target, name) !== undefined;
}

export function selectOptionalField(value: Value, name: string): Optional {
  const target = value instanceof Optional ? value.value : value;
  if (target === undefined) return noneOptional;
  if (target instanceof CelObject && !target.has(name)) return noneOptional;
  const found = findField(target, name);
  return found === undefined ? noneOptional : new Optional(found);
}

/** The element of a list or map; undefined where there is none. */
function findElement(value: Value, index: Value): Value | undefined {
  if (value instanceof CelList) {
    const at = listIndex(index);
    return at >= 0 && at < value.size ? value.at(at) : undefined;
  }
  if (value instanceof CelMap) {
    const key = mapKey(index);
    if (key !== undefined) return value.get(key);
    if (index instanceof Double) return undefined;
    throw noSuchOverload();
  }
  if (value instanceof CelObject && typeof index === 'string') return value.get(index);
  throw noSuchOverload();
}

function listIndex(index: Value): number {
  const key = mapKey(index);
  if (typeof key === 'number') return key;
  if (typeof key === 'bigint') return -1;
  if (index instanceof Double || index instanceof Uint) throw new CelError(`unsupported index value ${toText(index)}`);
  throw noSuchOverload();
}

export function elementAt(value: Value, index: Value): Value {
  if (value instanceof Optional) return optionalElementAt(value, index);
  const found = findElement(value, index);
  if (found !== undefined) return found;
  if (value instanceof CelList) throw new CelError(`index out of bounds: ${toText(index)}`);
  throw noSuchKey(toText(index));
}

export function optionalElementAt(value: Value, index: Value): Optional {
  const target = value instanceof Optional ? value.value : value;
  if (target === undefined) return noneOptional;
  const found = findElement(target, index);
  return found === undefined ? noneOptional : new Optional(found);
}
