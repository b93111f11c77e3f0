// What another server says of its API in version 2 of OpenAPI, as part of our document.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiDocument, writeDocument } from './documents.ts';
import { partOf, withParts } from './foreign-v2.ts';
import { writeOpenApiV2 } from './v2-protobuf.ts';

const prefix = '/apis/x.io/v1/';
const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
const own: ApiDocument = {
  head: { swagger: '2.0', info: { title: 't', version: 'v' } },
  paths: new Map([['/api', () => ({})]]),
  definitions: new Map([['Meta', () => ({ description: 'ours' })]]),
};
const read = (document: ApiDocument) => JSON.parse([...writeDocument(document)].join(''));

test('the paths of a group and version come with what they use, and nothing else', () => {
  const part = partOf(
    {
      paths: {
        [`${prefix}as`]: {
          parameters: [{ $ref: '#/parameters/p' }, { $ref: '#/parameters/none' }],
          get: {
            responses: { 200: { description: 'OK', schema: ref('A') } },
            parameters: [{ name: 'body', in: 'body', schema: ref('B') }],
          },
        },
        '/apis/x.io/v1': { get: { responses: {} } },
        '/apis/x.io/v10/as': { get: { responses: {} } },
      },
      parameters: { p: { name: 'pretty', in: 'query', type: 'string', uniqueItems: true } },
      definitions: {
        A: { type: 'object', properties: { b: ref('B'), list: { type: 'array', items: ref('C') } } },
        B: { additionalProperties: ref('A'), type: ['object', 'null'] },
        C: { type: 'string', enum: ['x'], 'x-kubernetes-thing': 1, example: 'not looked at' },
        D: { type: 'string' },
      },
    },
    prefix,
  )!;
  assert.deepEqual(Object.keys(part.paths), [`${prefix}as`, '/apis/x.io/v1']);
  assert.deepEqual(Object.keys(part.definitions).sort(), ['A', 'B', 'C']);
  assert.deepEqual(part.definitions.B, { type: 'object', additionalProperties: ref('A') });
  assert.deepEqual(part.definitions.C, { type: 'string', enum: ['x'], 'x-kubernetes-thing': 1 });
  assert.deepEqual(part.paths[`${prefix}as`]!.parameters, [
    { name: 'pretty', in: 'query', type: 'string', uniqueItems: true },
  ]);
});

test('a definition that differs from ours has a name of its own, wherever it is meant; the same is the same', () => {
  const definitions = { Meta: { description: 'theirs' }, A: { properties: { meta: ref('Meta') } } };
  const paths = { [`${prefix}as`]: { get: { responses: { 200: { schema: ref('A') } } } } };
  const part = partOf({ paths, definitions }, prefix)!;
  const document = read(withParts(own, [part]));
  assert.deepEqual(Object.keys(document.definitions), ['Meta', 'A', 'Meta_v2']);
  assert.deepEqual(document.definitions.A, { properties: { meta: ref('Meta_v2') } });
  assert.deepEqual(read(own).definitions, { Meta: { description: 'ours' } }, 'ours stays as it is');
  const same = partOf(
    {
      paths: { [`${prefix}as`]: { get: { responses: { 200: { schema: ref('Meta') } } } } },
      definitions: { Meta: { description: 'ours', 'x-kubernetes-group-version-kind': [] } },
    },
    prefix,
  )!;
  assert.deepEqual(Object.keys(read(withParts(own, [same])).definitions), ['Meta']);
});

for (const [what, document] of [
  ['no document', 7],
  ['no paths', {}],
  ['paths that are none', { paths: [1] }],
  [
    'parts of other types',
    {
      paths: {
        [`${prefix}as`]: {
          get: { description: 7, responses: [], consumes: 'x', parameters: [{ name: 1 }, 'x'], schemes: [1] },
          parameters: 'x',
        },
      },
      definitions: 'x',
    },
  ],
  [
    'schemas of other types',
    {
      paths: { [`${prefix}as`]: { get: { responses: { 200: { schema: ref('A') } } } } },
      definitions: { A: { type: 1, required: {}, enum: 2, items: [1], properties: { a: 1 }, description: {} } },
    },
  ],
  [
    'names of prototypes',
    {
      paths: { [`${prefix}as`]: { get: { responses: { 200: { schema: ref('__proto__') } } } } },
      definitions: JSON.parse('{"__proto__": {"type": "string"}}'),
    },
  ],
  [
    'references to nothing',
    { paths: { [`${prefix}as`]: { get: { responses: { 200: { schema: ref('constructor') } } } } } },
  ],
] as [string, unknown][]) {
  test(`takes ${what} without harm, in both forms`, () => {
    const part = partOf(document, prefix);
    const merged = withParts(own, part ? [part] : []);
    read(merged);
    assert.ok(Buffer.concat([...writeOpenApiV2(merged)]).length > 0);
    assert.equal(({} as any).type, undefined);
  });
}
