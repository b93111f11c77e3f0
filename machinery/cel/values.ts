// The values of CEL at run time.
//
//   bool, string, null   the JavaScript value; strings count code points
//   int                  a number where that is exact, else a bigint: never both for one integer
//   uint, double         `Uint`, `Double`; doubles are rare in Kubernetes' objects, ints are not
//   bytes                Uint8Array
//   list, map, object    `CelList`, `CelMap`, `CelObject`; JSON is wrapped when it is looked at, not copied (json-values.ts)
//   all others           a class of their own with `celType`
import { type CelType, runtimeTypeName, t } from './types.ts';

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Nanoseconds since 1970, and the zone that it was written in, which only its text shows again. */
export class Timestamp {
  readonly nanos: bigint;
  readonly offsetMinutes: number;
  constructor(nanos: bigint, offsetMinutes = 0) {
    this.nanos = nanos;
    this.offsetMinutes = offsetMinutes;
  }
}

/** Nanoseconds, of either sign, within 64 bits. */
export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class TypeValue {
  readonly type: CelType;
  readonly name: string;
  constructor(type: CelType) {
    this.type = type;
    this.name = runtimeTypeName(type);
  }
}

export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}
export const noneOptional = new Optional(undefined);

export abstract class CelList {
  abstract readonly size: number;
  /** The element at an index within 0 and size - 1. */
  abstract at(index: number): Value;
  /** Equal whatever the order: what a schema calls a set or a map list. */
  get unordered(): 'set' | 'map' | undefined {
    return undefined;
  }
  /** Of a map list: what tells an element apart from others. */
  identify(_element: Value): string | undefined {
    return undefined;
  }
}

export class ArrayList extends CelList {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
  get size(): number {
    return this.items.length;
  }
  at(index: number): Value {
    return this.items[index]!;
  }
}

/** What a set or map list became by an operation: still one. */
export class UnorderedList extends ArrayList {
  readonly #like: CelList;
  constructor(items: readonly Value[], like: CelList) {
    super(items);
    this.#like = like;
  }
  override get unordered(): 'set' | 'map' | undefined {
    return this.#like.unordered;
  }
  override identify(element: Value): string | undefined {
    return this.#like.identify(element);
  }
}

/** Keys are bool, int, uint or string; an int and a uint of one amount are the same key. */
export abstract class CelMap {
  abstract readonly size: number;
  /** The value of a key in its canonical form (`mapKey`). */
  abstract get(key: MapKey): Value | undefined;
  /** The keys as they were written, in a fixed order. */
  abstract keys(): Iterable<Value>;
}
export type MapKey = string | number | bigint | boolean;

export class EntryMap extends CelMap {
  /** By canonical key: the key as it was written, and the value. */
  readonly entries: ReadonlyMap<MapKey, readonly [Value, Value]>;
  constructor(entries: ReadonlyMap<MapKey, readonly [Value, Value]>) {
    super();
    this.entries = entries;
  }
  get size(): number {
    return this.entries.size;
  }
  get(key: MapKey): Value | undefined {
    return this.entries.get(key)?.[1];
  }
  *keys(): Iterable<Value> {
    for (const [key] of this.entries.values()) yield key;
  }
}

/** A value with named fields. */
export abstract class CelObject {
  abstract readonly celType: CelType;
  /** Undefined where the field is not set. */
  abstract get(field: string): Value | undefined;
  /** Whether the field is set: one that is not may still have a value. */
  has(field: string): boolean {
    return this.get(field) !== undefined;
  }
  /** The field as it is compared. */
  entry(field: string): Value | undefined {
    return this.get(field);
  }
  /** Whether objects of both types may be equal; those of schemas are compared by their fields alone. */
  isSameType(_other: CelObject): boolean {
    return true;
  }
  /** The fields that are set. */
  abstract fields(): Iterable<string>;
}

/** A value that only functions look into. */
export abstract class OpaqueValue {
  abstract readonly celType: CelType;
  abstract equals(other: OpaqueValue): boolean;
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Uint
  | Double
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | CelList
  | CelMap
  | CelObject
  | OpaqueValue;

/** The canonical form of a map's key; undefined for what cannot be one. */
export function mapKey(value: Value): MapKey | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    default:
      if (value instanceof Uint) return canonicalInt(value.value);
      // A double finds the integer of its amount.
      if (value instanceof Double && Number.isInteger(value.value)) return canonicalInt(BigInt(value.value));
      return undefined;
  }
}

/** An integer as ints are kept. The caller has looked at the bounds of 64 bits. */
export function canonicalInt(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const dynList = t.list(t.dyn);
const dynMap = t.map(t.dyn, t.dyn);
const dynOptional = t.optional(t.dyn);

/** The type of a value at run time: of lists, maps and optionals without that of their elements. */
export function typeOf(value: Value): CelType {
  switch (typeof value) {
    case 'string':
      return t.string;
    case 'number':
    case 'bigint':
      return t.int;
    case 'boolean':
      return t.bool;
  }
  if (value === null) return t.null;
  if (value instanceof CelList) return dynList;
  if (value instanceof CelMap) return dynMap;
  if (value instanceof CelObject || value instanceof OpaqueValue) return value.celType;
  if (value instanceof Double) return t.double;
  if (value instanceof Uint) return t.uint;
  if (value instanceof Timestamp) return t.timestamp;
  if (value instanceof Duration) return t.duration;
  if (value instanceof Optional) return dynOptional;
  if (value instanceof TypeValue) return t.type;
  return t.bytes;
}
