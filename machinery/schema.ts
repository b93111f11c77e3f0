// Schema values: the one description of an API type from which everything else is derived - the
// TypeScript type, decoding, pruning, defaults, OpenAPI, `kubectl explain`, patch and
// server-side-apply rules. A CustomResourceDefinition can become the same value at run time.
// Walkers over schemas live in their own files (decode.ts, strategic-merge.ts, field-set.ts, ...).
//
// Presence follows how the built-in types are encoded: a plain scalar equal to its zero value is
// absent; `pointer` keeps a zero that was written; `always` is never left out (missing scalars
// become their zero, objects {}, lists and maps null).

export type Format = 'int32' | 'int64' | 'double' | 'byte' | 'date-time' | 'micro-time' | 'quantity' | 'int-or-string';
export type ListType = 'atomic' | 'set' | 'map';
export type PatchStrategy = 'merge' | 'replace' | 'retainKeys' | 'merge,retainKeys';

/** What every schema node may carry, whether it stands alone or as a field of an object. */
export interface SchemaOptions {
  /** Listed as required in the published schema; the TypeScript field is then not optional. */
  required?: boolean;
  /** A scalar whose written zero differs from absence. */
  pointer?: boolean;
  /** Never left out of an encoded object. */
  always?: boolean;
  /** Filled in when the field is absent and its parent is present. */
  default?: unknown;
  enum?: readonly string[];
  patchStrategy?: PatchStrategy;
  patchMergeKey?: string;
  listType?: ListType;
  listMapKeys?: readonly string[];
  mapType?: 'atomic' | 'granular';
  /** Null is a value of its own (custom resources). */
  nullable?: boolean;
  /** Fields that the schema does not name are kept (custom resources, raw extensions). */
  preserveUnknown?: boolean;
  /** A value of another type is left as it is, for validation to refuse (custom resources). */
  lenient?: boolean;
}

interface Node extends SchemaOptions {
  readonly doc: string;
}
export interface StringSchema extends Node {
  readonly type: 'string';
  readonly format?: Format;
}
export interface NumberSchema extends Node {
  readonly type: 'integer' | 'number';
  readonly format?: Format;
}
interface BooleanSchema extends Node {
  readonly type: 'boolean';
}
export interface ObjectSchema extends Node {
  readonly type: 'object';
  /** The published definition name, `io.k8s.api.core.v1.PodSpec`; empty for an anonymous object. */
  readonly name: string;
  readonly fields: Readonly<Record<string, AnySchema>>;
  /** What the type is, where `doc` says what one field of it is for. */
  readonly typeDoc?: string;
}
export interface ListSchema extends Node {
  readonly type: 'list';
  readonly items: AnySchema;
}
export interface MapSchema extends Node {
  readonly type: 'map';
  readonly values: AnySchema;
}
/** Free-form JSON: RawExtension, FieldsV1. `name` is its published definition, if it has one. */
export interface FreeSchema extends Node {
  readonly type: 'any';
  readonly name: string;
  /**
   * The shapes it may have, told apart by their JSON types; for everything but decoding it is one
   * value all the same. Empty: any JSON value. Absent: any, published as an object.
   */
  readonly alternatives?: readonly AnySchema[];
}
export type AnySchema =
  | StringSchema
  | NumberSchema
  | BooleanSchema
  | ObjectSchema
  | ListSchema
  | MapSchema
  | FreeSchema;

declare const valueType: unique symbol;
declare const requiredField: unique symbol;

/**
 * A schema node that knows, for the compiler alone, the TypeScript type of its value and whether
 * its field is required.
 */
export type Schema<T, R extends boolean = boolean> = AnySchema & {
  readonly [valueType]?: T;
  readonly [requiredField]?: R;
};

export type TypeOf<S> = S extends { readonly [valueType]?: infer T } ? Exclude<T, undefined> : never;
type FieldTable = Readonly<Record<string, Schema<any, any>>>;
type RequiredKeys<F> = {
  [K in keyof F]: F[K] extends Schema<any, true> ? (boolean extends RequiredOf<F[K]> ? never : K) : never;
}[keyof F];
type RequiredOf<S> = S extends { readonly [requiredField]?: infer R } ? Exclude<R, undefined> : false;
/** The TypeScript type of an object with these fields. */
type FieldsType<F extends FieldTable> = { [K in RequiredKeys<F>]: TypeOf<F[K]> } & {
  [K in Exclude<keyof F, RequiredKeys<F>>]?: TypeOf<F[K]>;
};

type IsRequired<O> = O extends { required: true } ? true : false;
type Options = SchemaOptions;
type EnumOf<O> = O extends { enum: readonly (infer E extends string)[] } ? E : string;

function scalar<T>(type: 'string' | 'integer' | 'number' | 'boolean', format?: Format) {
  return <const O extends Options>(doc: string, options?: O): Schema<T, IsRequired<O>> =>
    ({ type, ...(format ? { format } : {}), doc, ...options }) as unknown as Schema<T, IsRequired<O>>;
}

/** The combinators. Each takes a short doc text of our own and the field's options. */
export const s = {
  string<const O extends Options>(doc: string, options?: O): Schema<EnumOf<O>, IsRequired<O>> {
    return { type: 'string', doc, ...options } as unknown as Schema<EnumOf<O>, IsRequired<O>>;
  },
  int32: scalar<number>('integer', 'int32'),
  int64: scalar<number>('integer', 'int64'),
  number: scalar<number>('number', 'double'),
  boolean: scalar<boolean>('boolean'),
  /** Base64 text of bytes. */
  bytes: scalar<string>('string', 'byte'),
  /** RFC 3339 with seconds. */
  time: scalar<string>('string', 'date-time'),
  /** RFC 3339 with microseconds. */
  microTime: scalar<string>('string', 'micro-time'),
  /** A resource quantity in canonical text form. */
  quantity: scalar<string>('string', 'quantity'),
  intOrString: scalar<number | string>('string', 'int-or-string'),

  object<const F extends FieldTable>(
    name: string,
    doc: string,
    fields: F,
    options?: SchemaOptions,
  ): Schema<FieldsType<F>, false> & ObjectSchema & { readonly fields: F } {
    const schema: ObjectSchema = { type: 'object', name, doc, fields: fields as ObjectSchema['fields'], ...options };
    return schema as Schema<FieldsType<F>, false> & ObjectSchema & { readonly fields: F };
  },
  /** An object that is published with Kubernetes' own: `apps.v1.Deployment` is `io.k8s.api.apps.v1.Deployment`. */
  api<const F extends FieldTable>(name: string, doc: string, fields: F, options?: SchemaOptions) {
    return s.object(`io.k8s.api.${name}`, doc, fields, options);
  },
  /** One that patches and applies replace as a whole. */
  atomic<const F extends FieldTable>(name: string, doc: string, fields: F) {
    return s.api(name, doc, fields, { mapType: 'atomic' });
  },
  list<T, const O extends Options>(items: Schema<T, any>, doc: string, options?: O): Schema<T[], IsRequired<O>> {
    return { type: 'list', items, doc, ...options } as unknown as Schema<T[], IsRequired<O>>;
  },
  map<T, const O extends Options>(
    values: Schema<T, any>,
    doc: string,
    options?: O,
  ): Schema<Record<string, T>, IsRequired<O>> {
    return { type: 'map', values, doc, ...options } as unknown as Schema<Record<string, T>, IsRequired<O>>;
  },
  any<const O extends Options & Pick<FreeSchema, 'alternatives'>>(
    name: string,
    doc: string,
    options?: O,
  ): Schema<any, IsRequired<O>> {
    return { type: 'any', name, doc, ...options } as unknown as Schema<any, IsRequired<O>>;
  },
  /** A shared schema (a named object, say) used as a field: its own doc and options at this place. */
  field<T, const O extends Options>(schema: Schema<T, any>, doc: string, options?: O): Schema<T, IsRequired<O>> {
    return { ...schema, ...clearedOptions(schema), doc, ...options } as unknown as Schema<T, IsRequired<O>>;
  },
};

/** Options of a field that an object must have, and that is written even where it is empty. */
export const mandatory = { required: true, always: true } as const;

/** Options of a list that patches and applies replace as a whole. */
export const atomic = { listType: 'atomic' } as const;

/**
 * Options of a list of objects that are told apart by these fields: patches and applies merge item
 * by item, by the first one.
 */
export function mergedBy<const K extends readonly [string, ...string[]]>(...keys: K) {
  return { listType: 'map', listMapKeys: keys, patchStrategy: 'merge', patchMergeKey: keys[0] } as const;
}

// A named object's options belong to the place of use, so none of them survive a `field`; scalars keep what they are.
function clearedOptions(schema: AnySchema): object {
  if (schema.type !== 'object') return {};
  return { required: undefined, always: undefined, default: undefined, typeDoc: schema.typeDoc ?? schema.doc };
}
