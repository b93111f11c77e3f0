import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import type { JsonSchema } from './model.ts';
import { writeOpenApiV3 } from './v3-protobuf.ts';

// Of gnostic's messages what a document of ours has.
const { root } = protobuf.parse(`syntax = "proto3";
message Any { string yaml = 2; }
message NamedAny { string name = 1; Any value = 2; }
message Reference { string ref = 1; }
message DefaultType { oneof one { double number = 1; bool boolean = 2; string string = 3; } }
message Items { repeated SchemaOrReference schema = 1; }
message Others { oneof one { SchemaOrReference schema = 1; bool boolean = 2; } }
message Schema {
  bool nullable = 1; double maximum = 11; double minimum = 13; int64 maxLength = 15; string pattern = 17;
  repeated string required = 23; repeated Any enum = 24; string type = 25; repeated SchemaOrReference anyOf = 28;
  Items items = 30; Schemas properties = 31; Others additionalProperties = 32; DefaultType default = 33;
  string description = 34; repeated NamedAny extension = 36;
}
message SchemaOrReference { oneof one { Schema schema = 1; Reference reference = 2; } }
message NamedSchema { string name = 1; SchemaOrReference value = 2; }
message Schemas { repeated NamedSchema named = 1; }
message Components { Schemas schemas = 1; }
message MediaType { SchemaOrReference schema = 1; }
message NamedMediaType { string name = 1; MediaType value = 2; }
message MediaTypes { repeated NamedMediaType named = 1; }
message Response { string description = 1; MediaTypes content = 3; }
message ResponseOr { Response response = 1; }
message NamedResponse { string name = 1; ResponseOr value = 2; }
message Responses { repeated NamedResponse named = 2; }
message Body { MediaTypes content = 2; bool required = 3; }
message BodyOr { Body body = 1; }
message Parameter { string name = 1; string in = 2; string description = 3; bool required = 4; SchemaOrReference schema = 10; }
message ParameterOr { Parameter parameter = 1; }
message Operation {
  string description = 3; string operationId = 5; repeated ParameterOr parameters = 6; BodyOr body = 7;
  Responses responses = 8; repeated NamedAny extension = 13;
}
message PathItem { Operation get = 4; Operation patch = 10; repeated ParameterOr parameters = 13; }
message NamedPathItem { string name = 1; PathItem value = 2; }
message Paths { repeated NamedPathItem path = 1; }
message Info { string title = 1; string version = 6; }
message Document { string openapi = 1; Info info = 2; Paths paths = 4; Components components = 5; }`);

function read(paths: JsonSchema, definitions: JsonSchema) {
  const lazily = (values: JsonSchema) => new Map(Object.entries(values).map(([name, one]) => [name, () => one]));
  const head = { openapi: '3.0.0', info: { title: 'T', version: 'v1' } };
  const bytes = Buffer.concat([...writeOpenApiV3({ head, paths: lazily(paths), definitions: lazily(definitions) })]);
  const type = root.lookupType('Document');
  return type.toObject(type.decode(bytes), { longs: Number }) as JsonSchema;
}

const anInteger = { schema: { schema: { type: 'integer' } } };
const schemas: { schema: JsonSchema; want: JsonSchema }[] = [
  { schema: { $ref: '#/x' }, want: { reference: { ref: '#/x' } } },
  { schema: { type: 'string', maxLength: 5, pattern: '^a' }, want: { type: 'string', maxLength: 5, pattern: '^a' } },
  { schema: { minimum: -1.5, maximum: 7, nullable: true }, want: { minimum: -1.5, maximum: 7, nullable: true } },
  { schema: { enum: ['a', 1], required: ['k'] }, want: { enum: [{ yaml: '"a"' }, { yaml: '1' }], required: ['k'] } },
  { schema: { items: { type: 'integer' } }, want: { items: { schema: [anInteger.schema] } } },
  { schema: { additionalProperties: { type: 'integer' } }, want: { additionalProperties: anInteger } },
  { schema: { additionalProperties: true }, want: { additionalProperties: { boolean: true } } },
  { schema: { anyOf: [{ $ref: 'y' }] }, want: { anyOf: [{ reference: { ref: 'y' } }] } },
  { schema: { default: 0 }, want: { default: { number: 0 } } },
  { schema: { default: false }, want: { default: { boolean: false } } },
  { schema: { default: '' }, want: { default: { string: '' } } },
  { schema: { default: { a: 1 } }, want: { default: {} } },
  { schema: { 'x-y': ['z'] }, want: { extension: [{ name: 'x-y', value: { yaml: '["z"]' } }] } },
  {
    schema: { properties: { a: { description: 'd' } } },
    want: { properties: { named: [{ name: 'a', value: { schema: { description: 'd' } } }] } },
  },
];

test('schemas', () => {
  for (const { schema, want } of schemas) {
    const { components } = read({}, { S: schema });
    const value = want.reference ? want : { schema: want };
    assert.deepEqual(components, { schemas: { named: [{ name: 'S', value }] } }, JSON.stringify(schema));
  }
});

test('paths', () => {
  const content = { 'application/json': { schema: { $ref: 'P' } } };
  const parameter = { name: 'name', in: 'path', required: true, schema: { type: 'string' } };
  const patch = {
    operationId: 'patchP',
    requestBody: { content, required: true },
    responses: { 200: { description: 'OK', content }, 401: { description: 'Unauthorized' } },
    'x-kubernetes-action': 'patch',
  };
  const { openapi, info, paths } = read({ '/p/{name}': { patch, parameters: [parameter] } }, {});
  assert.deepEqual([openapi, info], ['3.0.0', { title: 'T', version: 'v1' }]);
  const named = [{ name: 'application/json', value: { schema: { reference: { ref: 'P' } } } }];
  const responses = [
    { name: '200', value: { response: { description: 'OK', content: { named } } } },
    { name: '401', value: { response: { description: 'Unauthorized' } } },
  ];
  const { path } = paths;
  assert.equal(path[0].name, '/p/{name}');
  assert.deepEqual(path[0].value.parameters, [{ parameter: { ...parameter, schema: { schema: { type: 'string' } } } }]);
  assert.deepEqual(path[0].value.patch, {
    operationId: 'patchP',
    body: { body: { content: { named }, required: true } },
    responses: { named: responses },
    extension: [{ name: 'x-kubernetes-action', value: { yaml: '"patch"' } }],
  });
});
