// The types of CEL: what the checker gives every expression, and `type(x)` at run time. Upstream: cel-go's common/types.
import type { DeclType } from './decl-type.ts';
import type { Value } from './values.ts';

const simpleKinds = [
  ...(['bool', 'int', 'uint', 'double', 'string', 'bytes', 'null'] as const),
  ...(['dyn', 'any', 'error', 'timestamp', 'duration'] as const),
] as const;
type SimpleKind = (typeof simpleKinds)[number];

interface SimpleType {
  readonly kind: SimpleKind;
}
export interface ListType {
  readonly kind: 'list';
  readonly element: CelType;
}
interface MapType {
  readonly kind: 'map';
  readonly key: CelType;
  readonly value: CelType;
}
/** A type with named fields: of a schema, or of a policy's `Object{}`. Two are the same when their names are. */
export interface ObjectType {
  readonly kind: 'object';
  readonly name: string;
  /** The type of a field by its name in CEL; undefined where there is none. */
  field(name: string): CelType | undefined;
  /** What the values look like outside CEL, where the type comes from a schema. */
  readonly decl?: DeclType;
  /** Makes the value of `Name{field: value}`; without it the type cannot be made in an expression. */
  readonly create?: (fields: Map<string, Value>) => Value;
  /** The type of what is made, where it is another: `google.protobuf.Int64Value{}` is an int or null. */
  readonly produces?: CelType;
}
/** A type whose values only functions look into: `optional_type(A)`, `kubernetes.Quantity`, `net.IP`. */
export interface OpaqueType {
  readonly kind: 'opaque';
  readonly name: string;
  readonly parameters: readonly CelType[];
}
/** A scalar or null. */
interface WrapperType {
  readonly kind: 'wrapper';
  readonly of: CelType;
}
interface TypeType {
  readonly kind: 'type';
  readonly of?: CelType;
}
/** A type parameter of a function, or one that the checker has yet to find. */
export interface ParameterType {
  readonly kind: 'parameter';
  readonly name: string;
}
export type CelType =
  | SimpleType
  | ListType
  | MapType
  | ObjectType
  | OpaqueType
  | WrapperType
  | TypeType
  | ParameterType;

/** The types, and makers of those with parameters. */
export const t = {
  ...(Object.fromEntries(simpleKinds.map((kind) => [kind, { kind }])) as Record<SimpleKind, SimpleType>),
  type: { kind: 'type' } as TypeType,
  list: (element: CelType): ListType => ({ kind: 'list', element }),
  map: (key: CelType, value: CelType): MapType => ({ kind: 'map', key, value }),
  opaque: (name: string, ...parameters: CelType[]): OpaqueType => ({ kind: 'opaque', name, parameters }),
  optional: (of: CelType): OpaqueType => ({ kind: 'opaque', name: 'optional_type', parameters: [of] }),
  wrapper: (of: CelType): WrapperType => ({ kind: 'wrapper', of }),
  typeOf: (of: CelType): TypeType => ({ kind: 'type', of }),
  parameter: (name: string): ParameterType => ({ kind: 'parameter', name }),
};

export const isDyn = (type: CelType): boolean => type.kind === 'dyn' || type.kind === 'any' || type.kind === 'error';
export const isOptionalType = (type: CelType): type is OpaqueType =>
  type.kind === 'opaque' && type.name === 'optional_type';

/** The types that a type is made of. */
export function partsOf(type: CelType): readonly CelType[] {
  switch (type.kind) {
    case 'list':
      return [type.element];
    case 'map':
      return [type.key, type.value];
    case 'opaque':
      return type.parameters;
    case 'wrapper':
    case 'type':
      return type.of === undefined ? [] : [type.of];
    default:
      return [];
  }
}

/** The same type made of others. */
export function mapParts(type: CelType, change: (part: CelType) => CelType): CelType {
  const parts = partsOf(type).map(change);
  const [first, second] = parts;
  if (first === undefined) return type;
  if (type.kind === 'map') return t.map(first, second!);
  if (type.kind === 'opaque') return { ...type, parameters: parts };
  return type.kind === 'list' ? t.list(first) : ({ ...type, of: first } as CelType);
}

/** The type as errors write it. */
export function formatType(type: CelType): string {
  if (type.kind === 'error') return '!error!';
  const parts = partsOf(type).map(formatType).join(', ');
  const name = 'name' in type ? type.name : type.kind;
  return parts === '' ? name : `${name}(${parts})`;
}

const protobufNames: Partial<Record<CelType['kind'], string>> = {
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
};

/** The name of the type at run time, without its parameters: what `type(x)` is told apart by. */
export function runtimeTypeName(type: CelType): string {
  switch (type.kind) {
    case 'null':
      return 'null_type';
    case 'object':
    case 'opaque':
      return type.name;
    case 'wrapper':
      return runtimeTypeName(type.of);
    case 'any':
    case 'parameter':
      return 'dyn';
    default:
      return protobufNames[type.kind] ?? type.kind;
  }
}
