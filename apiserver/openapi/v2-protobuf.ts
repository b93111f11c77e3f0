// The OpenAPI v2 document in the protobuf form that kubectl asks for (gnostic's openapi.v2
// messages; their field numbers stand below).
import { wire } from '../protobuf/wire-reader.ts';
import { type WireWriter, written } from '../protobuf/wire-writer.ts';
import type { ApiDocument } from './documents.ts';
import type { JsonSchema } from './model.ts';

const nothing = Buffer.alloc(0);

type Write = (w: WireWriter) => void;
type Field = [number: number, value: Write | string | boolean | undefined];

/** A message from its fields; absent ones are left out. */
function message(...fields: Field[]): Write {
  const lastFirst = fields.reverse();
  return (w) => {
    for (const [number, value] of lastFirst) {
      if (value === undefined || value === false) continue;
      const before = w.written;
      if (value === true) w.uint(1);
      else if (typeof value === 'string') w.text(value);
      else value(w);
      if (typeof value === 'function') w.uint(w.written - before);
      w.uint((number << 3) | (value === true ? wire.varint : wire.bytes));
    }
  };
}

const each = (number: number, values: readonly (Write | string)[] | undefined): Field[] =>
  (values ?? []).map((v) => [number, v]);

/** NamedX { name = 1, value = 2 } */
const namedOne = (name: string, value: Write): Write => message([1, name], [2, value]);
const named = (entries: Record<string, any>, encode: (value: any) => Write): Write[] =>
  Object.entries(entries).map(([name, value]) => namedOne(name, encode(value)));

// Any { yaml = 2 }; JSON is YAML.
const any = (value: unknown): Write => message([2, JSON.stringify(value)]);

function extensionFields(number: number, value: JsonSchema): Field[] {
  const own = Object.fromEntries(Object.entries(value).filter(([k]) => k.startsWith('x-')));
  return each(number, named(own, any));
}

function schema(value: JsonSchema): Write {
  const { additionalProperties } = value;
  return message(
    [1, value.$ref],
    [2, value.format],
    [4, value.description],
    [5, value.default === undefined ? undefined : any(value.default)],
    ...each(19, value.required),
    ...each(20, value.enum?.map(any)),
    [21, additionalProperties && message([1, schema(additionalProperties)])],
    [22, value.type && message([1, value.type])],
    [23, value.items && message([1, schema(value.items)])],
    [25, value.properties && message(...each(1, named(value.properties, schema)))],
    ...extensionFields(31, value),
  );
}

function parameter(value: JsonSchema): Write {
  if (value.in === 'body') {
    const body = message(
      [1, value.description],
      [2, value.name],
      [3, value.in],
      [4, value.required],
      [5, schema(value.schema)],
    );
    return message([1, message([1, body])]);
  }
  const isPath = value.in === 'path';
  const first: Field[] = [value.required, value.in, value.description, value.name].map((one, i) => [i + 1, one]);
  const sub = message(...first, [isPath ? 5 : 6, value.type]);
  return message([1, message([2, message([isPath ? 4 : 3, sub])])]);
}

function response(value: JsonSchema): Write {
  const item = value.schema && message([1, schema(value.schema)]);
  return message([1, message([1, value.description], [2, item])]);
}

function operation(value: JsonSchema): Write {
  return message(
    [3, value.description],
    [5, value.operationId],
    ...each(6, value.produces),
    ...each(7, value.consumes),
    ...each(8, value.parameters?.map(parameter)),
    [9, message(...each(1, named(value.responses, response)))],
    ...each(10, value.schemes),
    ...extensionFields(13, value),
  );
}

const methodFields = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function pathItem(value: JsonSchema): Write {
  const operations = Object.entries(methodFields).map(
    ([method, n]): Field => [n, value[method] && operation(value[method])],
  );
  return message(...operations, ...each(9, value.parameters?.map(parameter)));
}

/** Paths or definitions, which all stand under one field. */
function* section(
  number: number,
  [field, parts]: [field: number, parts: ApiDocument['paths']],
  encode: (value: JsonSchema) => Write,
): Generator<Buffer> {
  const pieces: Buffer[] = [];
  for (const [name, make] of parts) {
    pieces.push(written(message([field, namedOne(name, encode(make()))])));
    yield nothing;
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  yield written((w) => {
    w.uint(length);
    w.uint((number << 3) | wire.bytes);
  });
  yield* pieces;
}

/** The bytes of an OpenAPI v2 document, piece by piece; some are empty. */
export function* writeOpenApiV2({ head, paths, definitions }: ApiDocument): Generator<Buffer> {
  const { title, version } = head.info;
  yield written(message([1, head.swagger], [2, message([1, title], [2, version])]));
  yield* section(8, [2, paths], pathItem);
  yield* section(9, [1, definitions], schema);
}
