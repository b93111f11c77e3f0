// JSON as values: wrapped, not copied, and read by its description when it is looked at. What does not fit its description
// is an error of the expression that looks. Upstream: apiserver/pkg/cel/common/values.go.
import { decodeBase64 } from './base64.ts';
import { type DeclType, decl as decls } from './decl-type.ts';
import { CelError } from './errors.ts';
import { toText } from './text.ts';
import { parseDuration, parseTimestamp } from './time.ts';
import { type CelType, formatType } from './types.ts';
import {
  CelList,
  CelMap,
  CelObject,
  canonicalInt,
  Double,
  type MapKey,
  OpaqueValue,
  Optional,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';
import { work } from './work.ts';

const anything = decls.dyn();

/** A JSON value as its description says. A value of CEL stays what it is. */
export function readJson(json: unknown, decl: DeclType): Value {
  if (json === null) {
    if (decl.nullable || decl.reading === 'dyn') return null;
    throw new CelError('invalid data, got null for schema with nullable=false');
  }
  if (typeof json === 'object' && isCelValue(json)) return json;
  switch (decl.reading) {
    case 'dyn':
      return readAnything(json);
    case 'int':
      if (typeof json === 'bigint') return canonicalInt(json);
      if (Number.isSafeInteger(json)) return json as number;
      if (typeof json === 'number' && Number.isInteger(json)) return canonicalInt(BigInt(json));
      break;
    case 'double':
      if (typeof json === 'number' || typeof json === 'bigint') return new Double(Number(json));
      break;
    case 'as-is':
      if (typeof json === 'string' && decl.type.kind === 'string') return json;
      if (typeof json === 'boolean' && decl.type.kind === 'bool') return json;
      if (decl.fields !== undefined && isPlainObject(json)) return new JsonObject(json, decl);
      if (decl.element !== undefined) {
        if (Array.isArray(json) && decl.type.kind === 'list') return new JsonList(json, decl);
        if (isPlainObject(json) && decl.type.kind === 'map') return new JsonMap(json, decl.element);
      }
      break;
    default:
      if (typeof json === 'string') return readText(json, decl);
  }
  throw new CelError(`invalid data, expected ${formatType(decl.type)} to match schema`);
}

function readText(text: string, decl: DeclType): Value {
  let value: Value | undefined;
  if (decl.reading === 'bytes') value = decodeBase64(text);
  else if (decl.reading === 'duration') value = parseDuration(text);
  else value = parseTimestamp(decl.reading === 'date' ? `${text}T00:00:00Z` : text);
  if (value === undefined) throw new CelError(`Invalid ${decl.reading} '${text}'`);
  return value;
}

function readAnything(json: unknown): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      return Number.isSafeInteger(json) ? json : new Double(json);
    case 'bigint':
      return canonicalInt(json);
    case 'object':
      if (Array.isArray(json)) return new JsonList(json, anyList);
      return new JsonMap(json as Record<string, unknown>, anything);
    default:
      throw new CelError('unsupported data');
  }
}
const anyList = decls.list(anything);

function isPlainObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && !Array.isArray(json);
}

function isCelValue(value: unknown): value is Value {
  return (
    value instanceof CelList ||
    value instanceof CelMap ||
    value instanceof CelObject ||
    value instanceof OpaqueValue ||
    value instanceof Optional
  );
}

class JsonList extends CelList {
  readonly json: readonly unknown[];
  readonly decl: DeclType;
  constructor(json: readonly unknown[], decl: DeclType) {
    super();
    this.json = json;
    this.decl = decl;
  }
  get size(): number {
    return this.json.length;
  }
  at(index: number): Value {
    return readJson(this.json[index], this.decl.element!);
  }
  override get unordered(): 'set' | 'map' | undefined {
    const { unordered } = this.decl;
    return unordered === undefined || unordered === 'set' ? unordered : 'map';
  }
  override identify(element: Value): string | undefined {
    const { unordered } = this.decl;
    if (unordered === undefined || unordered === 'set' || !(element instanceof JsonObject)) return undefined;
    return JSON.stringify(unordered.keys.map((key) => element.json[key]));
  }
}

class JsonMap extends CelMap {
  readonly json: Record<string, unknown>;
  readonly element: DeclType;
  #size: number | undefined;
  constructor(json: Record<string, unknown>, element: DeclType) {
    super();
    this.json = json;
    this.element = element;
  }
  get size(): number {
    if (this.#size === undefined) {
      this.#size = Object.keys(this.json).length;
      work(this.#size >> 4);
    }
    return this.#size;
  }
  get(key: MapKey): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key)) return undefined;
    const value = this.json[key];
    return value === undefined ? undefined : readJson(value, this.element);
  }
  keys(): Iterable<Value> {
    return Object.keys(this.json);
  }
}

class JsonObject extends CelObject {
  readonly json: Record<string, unknown>;
  readonly decl: DeclType;
  /** Lists, maps and objects in it, which know things once they are read. */
  #known: Map<string, Value> | undefined;
  constructor(json: Record<string, unknown>, decl: DeclType) {
    super();
    this.json = json;
    this.decl = decl;
  }
  get celType(): CelType {
    return this.decl.type;
  }
  get(name: string): Value | undefined {
    const field = this.decl.fields!.get(name);
    if (field === undefined || !Object.hasOwn(this.json, field.name)) return undefined;
    // A field that is null is one that is not set.
    const value = this.json[field.name] ?? undefined;
    if (typeof value !== 'object') return value === undefined ? undefined : readJson(value, field.decl);
    this.#known ??= new Map();
    let known = this.#known.get(name);
    if (known === undefined) {
      known = readJson(value, field.decl);
      this.#known.set(name, known);
    }
    return known;
  }
  /** What the schema does not name is there to be compared, and read by nothing else. */
  override entry(name: string): Value | undefined {
    if (this.decl.fields!.has(name)) return this.get(name);
    const value = Object.hasOwn(this.json, name) ? (this.json[name] ?? undefined) : undefined;
    return value === undefined ? undefined : readAnything(value);
  }
  *fields(): Iterable<string> {
    for (const [key, value] of Object.entries(this.json)) {
      if (value !== undefined && value !== null) yield this.decl.fieldName?.(key) ?? key;
    }
  }
  get costSize(): number {
    return Object.keys(this.json).length;
  }
}

/** A value as JSON: ints over 2^53 lose digits, durations and timestamps are their texts. */
export function toJson(value: Value): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
    return value;
  }
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Double) return value.value;
  if (value instanceof Uint) return Number(value.value);
  if (value instanceof CelList) return Array.from({ length: value.size }, (_, i) => toJson(value.at(i)));
  if (value instanceof CelMap) {
    return fromEntries([...value.keys()].map((key) => [String(toJson(key)), value.get(key as MapKey)!]));
  }
  if (value instanceof CelObject) return fromEntries([...value.fields()].map((name) => [name, value.entry(name)!]));
  if (value instanceof Optional) return value.value === undefined ? undefined : toJson(value.value);
  if (value instanceof TypeValue) return value.name;
  return value instanceof OpaqueValue ? String(value) : toText(value);
}

function fromEntries(entries: [string, Value][]): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(json, key, { value: toJson(value), enumerable: true, configurable: true, writable: true });
  }
  return json;
}
