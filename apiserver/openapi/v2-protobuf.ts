// The OpenAPI v2 document in the protobuf form that kubectl asks for (gnostic's openapi.v2
// messages; their field numbers stand below).
import { written } from '../protobuf/wire-writer.ts';
import type { ApiDocument } from './documents.ts';
import { any, each, extensionFields, type Field, limitFields, message, named, section, type Write } from './gnostic.ts';
import type { JsonSchema } from './model.ts';

function schema(value: JsonSchema): Write {
  const { additionalProperties } = value;
  return message(
    [1, value.$ref],
    [2, value.format],
    [3, value.title],
    [4, value.description],
    [5, value.default === undefined ? undefined : any(value.default)],
    ...limitFields(6, value),
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
  const sub = message(...first, [isPath ? 5 : 6, value.type], [isPath ? 19 : 20, value.uniqueItems]);
  return message([1, message([2, message([isPath ? 4 : 3, sub])])]);
}

function response(value: JsonSchema): Write {
  const item = value.schema && message([1, schema(value.schema)]);
  return message([1, message([1, value.description], [2, item])]);
}

function operation(value: JsonSchema): Write {
  return message(
    ...each(1, value.tags),
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

const methodFields = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 } as const;

function pathItem(value: JsonSchema): Write {
  const operations = Object.entries(methodFields).map(
    ([method, n]): Field => [n, value[method] && operation(value[method])],
  );
  return message(...operations, ...each(9, value.parameters?.map(parameter)));
}

/** The bytes of an OpenAPI v2 document, piece by piece; some are empty. */
export function* writeOpenApiV2({ head, paths, definitions }: ApiDocument): Generator<Buffer> {
  const { title, version } = head.info;
  yield written(message([1, head.swagger], [2, message([1, title], [2, version])]));
  yield* section([8], [2, paths], pathItem);
  yield* section([9], [1, definitions], schema);
}
