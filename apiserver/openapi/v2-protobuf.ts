// The OpenAPI v2 document in the protobuf form that kubectl asks for (gnostic's openapi.v2
// messages; their field numbers stand below).
import type { JsonSchema } from './model.ts';

type Field = [number: number, value: Buffer | string | boolean | undefined];

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Buffer.from(out);
}

/** A message from its fields; absent ones are left out. */
function message(...fields: Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const [number, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === 'boolean') {
      if (value) parts.push(varint(number << 3), varint(1));
      continue;
    }
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    parts.push(varint((number << 3) | 2), varint(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

const each = (number: number, values: readonly (Buffer | string)[] | undefined): Field[] =>
  (values ?? []).map((v) => [number, v]);

/** NamedX { name = 1, value = 2 } for every entry. */
function named(entries: Record<string, any>, encode: (value: any) => Buffer): Buffer[] {
  return Object.entries(entries).map(([name, value]) => message([1, name], [2, encode(value)]));
}

// Any { yaml = 2 }; JSON is YAML.
const any = (value: unknown): Buffer => message([2, JSON.stringify(value)]);

function extensionFields(number: number, value: JsonSchema): Field[] {
  const own = Object.fromEntries(Object.entries(value).filter(([k]) => k.startsWith('x-')));
  return each(number, named(own, any));
}

function schema(value: JsonSchema): Buffer {
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

function parameter(value: JsonSchema): Buffer {
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
  const fields: Field[] = isPath
    ? [
        [1, value.required],
        [2, value.in],
        [3, value.description],
        [4, value.name],
        [5, value.type],
      ]
    : [
        [1, value.required],
        [2, value.in],
        [3, value.description],
        [4, value.name],
        [6, value.type],
      ];
  const sub = message(...fields);
  return message([1, message([2, message([isPath ? 4 : 3, sub])])]);
}

function response(value: JsonSchema): Buffer {
  const item = value.schema && message([1, schema(value.schema)]);
  return message([1, message([1, value.description], [2, item])]);
}

function operation(value: JsonSchema): Buffer {
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

function pathItem(value: JsonSchema): Buffer {
  const operations = Object.entries(methodFields).map(
    ([method, n]): Field => [n, value[method] && operation(value[method])],
  );
  return message(...operations, ...each(9, value.parameters?.map(parameter)));
}

/** Encodes an OpenAPI v2 document. */
export function encodeOpenApiV2(document: JsonSchema): Buffer {
  const { title, version } = document.info;
  return message(
    [1, document.swagger],
    [2, message([1, title], [2, version])],
    [8, message(...each(2, named(document.paths, pathItem)))],
    [9, message(...each(1, named(document.definitions, schema)))],
  );
}
