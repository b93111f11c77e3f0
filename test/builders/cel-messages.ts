// Protobuf messages as CEL values, for the conformance suite alone: Kubernetes has none. Made from the descriptors that come
// with it. A message keeps the fields that are set; others have the values that their descriptors say.

import { getTestRegistry } from '@bufbuild/cel-spec/testdata/registry.js';
import { type DescEnum, type DescField, type DescMessage, fromBinary, ScalarType, toJson } from '@bufbuild/protobuf';
import { equals } from '../../machinery/cel/equality.ts';
import { CelError } from '../../machinery/cel/errors.ts';
import { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from '../../machinery/cel/time.ts';
import { type CelType, type ObjectType, t } from '../../machinery/cel/types.ts';
import {
  ArrayList,
  CelList,
  CelMap,
  CelObject,
  Double,
  Duration,
  EntryMap,
  type MapKey,
  mapKey,
  Timestamp,
  Uint,
  type Value,
} from '../../machinery/cel/values.ts';
import { nativeValue, readJsonValue, readScalar, scalarDefault, scalarTypes, toScalar } from './cel-scalars.ts';

const registry = getTestRegistry();
const protobuf = 'google.protobuf.';
/** Of fields that are unset when they have their default. */
const implicitPresence = 2;

class Message extends CelObject {
  readonly celType: ObjectType;
  readonly desc: DescMessage;
  readonly set: ReadonlyMap<string, Value>;
  constructor(desc: DescMessage, set: ReadonlyMap<string, Value>) {
    super();
    this.celType = messageType(desc);
    this.desc = desc;
    this.set = set;
  }
  get(name: string): Value | undefined {
    const field = findField(this.desc, name);
    return field && (this.set.get(name) ?? defaultOf(field));
  }
  override has(name: string): boolean {
    if (findField(this.desc, name) === undefined) throw new CelError(`no such field '${name}'`);
    return this.set.has(name);
  }
  fields(): Iterable<string> {
    return this.set.keys();
  }
  override isSameType(other: CelObject): boolean {
    return other instanceof Message && other.desc === this.desc;
  }
}

/** The field, or extension, of a name. */
function findField(desc: DescMessage, name: string): DescField | undefined {
  const extension = name.includes('.') ? registry.getExtension(name) : undefined;
  if (extension?.extendee === desc) return extension as unknown as DescField;
  return desc.fields.find((field) => field.name === name);
}

const wrappers: Record<string, [CelType, ScalarType]> = {
  BoolValue: [t.bool, ScalarType.BOOL],
  BytesValue: [t.bytes, ScalarType.BYTES],
  DoubleValue: [t.double, ScalarType.DOUBLE],
  FloatValue: [t.double, ScalarType.FLOAT],
  Int32Value: [t.int, ScalarType.INT32],
  Int64Value: [t.int, ScalarType.INT64],
  StringValue: [t.string, ScalarType.STRING],
  UInt32Value: [t.uint, ScalarType.UINT32],
  UInt64Value: [t.uint, ScalarType.UINT64],
};

const wellKnown: Record<string, CelType> = {
  Any: t.any,
  Duration: t.duration,
  ListValue: t.list(t.dyn),
  Struct: t.map(t.string, t.dyn),
  Timestamp: t.timestamp,
  Value: t.dyn,
  ...Object.fromEntries(Object.entries(wrappers).map(([name, [type]]) => [name, t.wrapper(type)])),
};
const shortName = (desc: DescMessage) =>
  desc.typeName.startsWith(protobuf) ? desc.typeName.slice(protobuf.length) : undefined;
const wellKnownOf = (desc: DescMessage): CelType | undefined => wellKnown[shortName(desc) ?? ''];

const types = new Map<string, ObjectType>();

/** The type of a message, and of what `Name{}` makes. */
function messageType(desc: DescMessage): ObjectType {
  let type = types.get(desc.typeName);
  if (type === undefined) {
    const produces = wellKnownOf(desc);
    type = {
      kind: 'object',
      name: desc.typeName,
      field(name) {
        const field = findField(desc, name);
        return field && fieldType(field);
      },
      create: (fields) => make(desc, fields),
      ...(produces === undefined ? {} : { produces }),
    };
    types.set(desc.typeName, type);
  }
  return type;
}

export function resolveMessageType(name: string): CelType | undefined {
  const desc = registry.getMessage(name);
  return desc && messageType(desc);
}

/** The type that values of a message have. */
export function valueTypeOf(name: string): CelType | undefined {
  const desc = registry.getMessage(name);
  return desc && (wellKnownOf(desc) ?? messageType(desc));
}

/** Values of enumerations by their full names. */
export function enumConstants(): Record<string, number> {
  const constants: Record<string, number> = {};
  for (const desc of registry) {
    if (desc.kind !== 'enum') continue;
    for (const value of desc.values) constants[`${desc.typeName}.${value.name}`] = value.number;
  }
  return constants;
}

type Part = { scalar?: ScalarType | undefined; enum?: DescEnum | undefined; message?: DescMessage | undefined };

function partType(part: Part): CelType {
  if (part.message !== undefined) return wellKnownOf(part.message) ?? messageType(part.message);
  if (part.enum !== undefined) return t.int;
  return scalarTypes[part.scalar!] ?? t.int;
}

function fieldType(field: DescField): CelType {
  if (field.fieldKind === 'list') return t.list(partType(field));
  if (field.fieldKind === 'map') return t.map(partType({ scalar: field.mapKey }), partType(field));
  return partType(field);
}

function defaultOf(field: DescField): Value {
  if (field.fieldKind === 'list') return new ArrayList([]);
  if (field.fieldKind === 'map') return new EntryMap(new Map());
  const given = 'getDefaultValue' in field ? field.getDefaultValue() : undefined;
  if (given !== undefined) return nativeValue(given, scalarTypes[field.scalar!]?.kind ?? 'int');
  if (field.fieldKind === 'enum') return field.enum.values[0]!.number;
  if (field.fieldKind === 'scalar') return scalarDefault(field.scalar);
  const name = shortName(field.message!) ?? '';
  return name === 'Any' || wrappers[name] !== undefined ? null : make(field.message!, new Map());
}

function make(desc: DescMessage, given: ReadonlyMap<string, Value>): Value {
  const name = shortName(desc);
  const get = <T extends Value>(field: string, absent: T): T => (given.get(field) as T | undefined) ?? absent;
  if (name === undefined || wellKnown[name] === undefined) return new Message(desc, fieldsToSet(desc, given));
  const wrapper = wrappers[name];
  if (wrapper !== undefined) return toScalar(get('value', scalarDefault(wrapper[1])), wrapper[1]);
  switch (name) {
    case 'ListValue':
      return get('values', new ArrayList([]));
    case 'Struct':
      return get('fields', new EntryMap(new Map()));
    case 'Value':
      return given.size === 0 ? null : jsonValue([...given][0]![0] === 'null_value' ? null : [...given.values()][0]!);
    case 'Any':
      return unpack(desc, given);
    default: {
      const nanos = BigInt(get<any>('seconds', 0)) * 1_000_000_000n + BigInt(get<any>('nanos', 0));
      return name === 'Timestamp' ? new Timestamp(nanos) : new Duration(nanos);
    }
  }
}

/** What is in an Any; the bytes themselves where they are of no known form. */
function unpack(desc: DescMessage, given: ReadonlyMap<string, Value>): Value {
  const url = given.get('type_url');
  if (typeof url !== 'string') throw new CelError('conversion error: got Any with empty type-url');
  const inner = registry.getMessage(url.slice(url.lastIndexOf('/') + 1));
  try {
    const message = fromBinary(inner!, given.get('value') as Uint8Array);
    return readMessage(inner!, toJson(inner!, message, { registry }));
  } catch {
    return new Message(desc, new Map(given));
  }
}

function fieldsToSet(desc: DescMessage, given: ReadonlyMap<string, Value>): Map<string, Value> {
  const set = new Map<string, Value>();
  for (const [name, value] of given) {
    const field = findField(desc, name);
    if (field === undefined) throw new CelError(`no such field '${name}'`);
    const converted = toField(field, value);
    if (converted !== undefined) set.set(name, converted);
  }
  return set;
}

/** A value as the field keeps it; undefined where that leaves the field unset. */
function toField(field: DescField, value: Value): Value | undefined {
  const mismatch = new CelError(`unsupported field type for ${field.name}`);
  if (field.fieldKind === 'list') {
    if (!(value instanceof CelList)) throw mismatch;
    const items = Array.from({ length: value.size }, (_, i) => toPart(field, value.at(i)));
    return items.length === 0 ? undefined : new ArrayList(items);
  }
  if (field.fieldKind === 'map') {
    if (!(value instanceof CelMap)) throw mismatch;
    const entries = [...value.keys()].map((key): [MapKey, [Value, Value]] => [
      mapKey(key)!,
      [toPart({ scalar: field.mapKey }, key), toPart(field, value.get(mapKey(key)!)!)],
    ]);
    return entries.length === 0 ? undefined : new EntryMap(new Map(entries));
  }
  const isJson = field.message !== undefined && ['Value', 'Any'].includes(shortName(field.message) ?? '');
  if (value === null && field.fieldKind === 'message' && !isJson) {
    if (['Struct', 'ListValue'].includes(shortName(field.message) ?? '')) throw mismatch;
    return undefined;
  }
  const converted = toPart(field, value);
  const hasPresence = field.presence !== implicitPresence || field.oneof !== undefined;
  const isUnset = !hasPresence && field.fieldKind !== 'message' && equals(converted, defaultOf(field));
  return isUnset ? undefined : converted;
}

function toPart(part: Part, value: Value): Value {
  if (part.enum !== undefined) return toScalar(value, ScalarType.INT32);
  if (part.message === undefined) return toScalar(value, part.scalar!);
  const name = shortName(part.message);
  const wrapper = wrappers[name ?? ''];
  if (wrapper !== undefined) return value === null ? null : toScalar(value, wrapper[1]);
  const isFitting: Record<string, boolean> = {
    Any: true,
    Value: true,
    Timestamp: value instanceof Timestamp,
    Duration: value instanceof Duration,
    ListValue: value instanceof CelList,
    Struct: value instanceof CelMap,
  };
  const fits = isFitting[name ?? ''] ?? (value instanceof Message && value.desc.typeName === part.message.typeName);
  if (!fits) throw new CelError(`unsupported value for ${part.message.typeName}`);
  return ['Value', 'ListValue', 'Struct'].includes(name ?? '') ? jsonValue(value) : value;
}

/** A value as JSON has it: numbers are doubles, what is too large for one a string. */
function jsonValue(value: Value): Value {
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint) {
    const amount = value instanceof Uint ? value.value : value;
    return Number.isSafeInteger(Number(amount)) ? new Double(Number(amount)) : String(amount);
  }
  if (value instanceof CelList)
    return new ArrayList(Array.from({ length: value.size }, (_, i) => jsonValue(value.at(i))));
  if (value instanceof CelMap) {
    const entries = [...value.keys()].map((key): [MapKey, [Value, Value]] => {
      if (typeof key !== 'string') throw new CelError('bad key type');
      return [key, [key, jsonValue(value.get(key)!)]];
    });
    return new EntryMap(new Map(entries));
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDuration(value);
  if (value instanceof Message) {
    if (value.desc.typeName === `${protobuf}Empty`) return new EntryMap(new Map());
    if (value.desc.typeName === `${protobuf}FieldMask`) return [...listOf(value.get('paths')!)].join(',');
  }
  return value;
}

function* listOf(value: Value): Iterable<Value> {
  if (value instanceof CelList) for (let i = 0; i < value.size; i++) yield value.at(i);
}

/** A message from its JSON, which says its type. */
export function messageFromJson(json: any): Value {
  const { '@type': url, ...rest } = json;
  const desc = registry.getMessage(url.slice(url.lastIndexOf('/') + 1))!;
  return readMessage(desc, 'value' in rest && shortName(desc) !== undefined ? rest.value : rest);
}

function readMessage(desc: DescMessage, json: any): Value {
  const name = shortName(desc);
  const wrapper = wrappers[name ?? ''];
  if (wrapper !== undefined) return json === null ? null : readScalar(wrapper[1], json);
  switch (name) {
    case 'Timestamp':
      return parseTimestamp(json)!;
    case 'Duration':
      return parseDuration(json)!;
    case 'Any':
      return messageFromJson(json);
    case 'Value':
    case 'Struct':
    case 'ListValue':
      return readJsonValue(json);
    case 'FieldMask':
      return new Message(desc, new Map([['paths', new ArrayList(json === '' ? [] : json.split(','))]]));
  }
  const set = new Map<string, Value>();
  const extensions = Object.keys(json).filter((key) => key.startsWith('['));
  for (const key of extensions) {
    const name = key.slice(1, -1);
    set.set(name, readField(findField(desc, name)!, json[key]));
  }
  for (const field of desc.fields) {
    const given = field.jsonName in json ? json[field.jsonName] : json[field.name];
    if (given === undefined) continue;
    set.set(field.name, readField(field, given));
  }
  return make(desc, set);
}

function readField(field: DescField, given: any): Value {
  if (field.fieldKind === 'list') return new ArrayList(given.map((item: any) => readPart(field, item)));
  if (field.fieldKind !== 'map') return readPart(field, given);
  const entries = Object.entries(given).map(([key, item]): [MapKey, [Value, Value]] => {
    const read = readScalar(field.mapKey, field.mapKey === ScalarType.BOOL ? key === 'true' : key);
    return [mapKey(read)!, [read, readPart(field, item)]];
  });
  return new EntryMap(new Map(entries));
}

function readPart(part: Part, json: any): Value {
  if (part.message !== undefined) return readMessage(part.message, json);
  if (part.enum === undefined) return readScalar(part.scalar!, json);
  return typeof json === 'number' ? json : part.enum.values.find((value) => value.name === json)!.number;
}
