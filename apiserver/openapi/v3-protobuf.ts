// The OpenAPI v3 document of a group and version in protobuf (gnostic's openapi.v3 messages; their field numbers stand
// below). Controllers in Go that compare objects by their schemas read it so.
import { wire } from '../protobuf/wire-reader.ts';
import { written } from '../protobuf/wire-writer.ts';
import type { ApiDocument } from './documents.ts';
import {
  any,
  Double,
  each,
  extensionFields,
  type Field,
  limitFields,
  message,
  named,
  section,
  type Write,
} from './gnostic.ts';
import type { JsonSchema } from './model.ts';

// XOrReference { x = 1, reference = 2 }
const own = (value: Write): Write => message([1, value]);

const schemaOrReference = (value: JsonSchema): Write =>
  value.$ref ? message([2, message([1, value.$ref])]) : own(schema(value));
const schemas = (values: JsonSchema[] | undefined) => values?.map(schemaOrReference);

/** One of several: there also when it is false or empty. DefaultType has no place for lists and objects. */
function defaultType(value: unknown): Write {
  if (typeof value === 'number') return message([1, new Double(value)]);
  if (typeof value === 'boolean') return value ? message([2, true]) : emptyField(2, wire.varint);
  if (typeof value === 'string') return value ? message([3, value]) : emptyField(3, wire.bytes);
  return message();
}

const emptyField =
  (number: number, type: number): Write =>
  (w) => {
    w.uint(0);
    w.uint((number << 3) | type);
  };

function schema(value: JsonSchema): Write {
  const { additionalProperties: others, externalDocs: docs } = value;
  return message(
    [1, value.nullable],
    [6, docs && message([1, docs.description], [2, docs.url])],
    [7, value.example === undefined ? undefined : any(value.example)],
    [9, value.title],
    ...limitFields(10, value),
    [25, value.type],
    ...each(26, schemas(value.allOf)),
    ...each(27, schemas(value.oneOf)),
    ...each(28, schemas(value.anyOf)),
    [29, value.not && schema(value.not)],
    [30, value.items && message([1, schemaOrReference(value.items)])],
    [31, value.properties && message(...each(1, named(value.properties, schemaOrReference)))],
    [32, others && (others === true ? message([2, true]) : message([1, schemaOrReference(others)]))],
    [33, value.default === undefined ? undefined : defaultType(value.default)],
    [34, value.description],
    [35, value.format],
    ...extensionFields(36, value),
  );
}

const parameter = (value: JsonSchema): Write =>
  own(
    message(
      [1, value.name],
      [2, value.in],
      [3, value.description],
      [4, value.required],
      [10, schemaOrReference(value.schema)],
    ),
  );

const mediaType = (value: JsonSchema): Write => message([1, schemaOrReference(value.schema)]);
const content = (value: JsonSchema | undefined): Write | undefined =>
  value && message(...each(1, named(value, mediaType)));

const response = (value: JsonSchema): Write => own(message([1, value.description], [3, content(value.content)]));

function operation({ requestBody: body, ...value }: JsonSchema): Write {
  return message(
    ...each(1, value.tags),
    [3, value.description],
    [5, value.operationId],
    ...each(6, value.parameters?.map(parameter)),
    [7, body && own(message([2, content(body.content)], [3, body.required]))],
    [8, message(...each(2, named(value.responses, response)))],
    ...extensionFields(13, value),
  );
}

const methodFields = { get: 4, put: 5, post: 6, delete: 7, options: 8, head: 9, patch: 10 } as const;

function pathItem(value: JsonSchema): Write {
  const operations = Object.entries(methodFields).map(
    ([method, n]): Field => [n, value[method] && operation(value[method])],
  );
  return message(...operations, ...each(13, value.parameters?.map(parameter)));
}

/** The bytes of an OpenAPI v3 document, piece by piece; some are empty. */
export function* writeOpenApiV3({ head, paths, definitions }: ApiDocument): Generator<Buffer> {
  const { title, version } = head.info;
  yield written(message([1, head.openapi], [2, message([1, title], [6, version])]));
  yield* section([4], [1, paths], pathItem);
  yield* section([5, 1], [1, definitions], schemaOrReference);
}
