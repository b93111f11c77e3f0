import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { publishedInVersion2 } from './version2.ts';

const text = { type: 'string' };
const open = { 'x-kubernetes-preserve-unknown-fields': true };
const type = { 'x-kubernetes-group-version-kind': [{ group: 'example.com', version: 'v1', kind: 'Thing' }] };

describe('a published schema in OpenAPI 2', () => {
  test('of a resource that may hold anything says that it is an object', () => {
    const schema = { type: 'object', description: 'A thing.', ...open, properties: { spec: text }, ...type };
    assert.deepEqual(publishedInVersion2(schema), { type: 'object', ...type });
  });

  const fields: [what: string, field: object, want: object][] = [
    ['as it is', { ...text, pattern: 'a', default: 'a' }, { ...text, pattern: 'a', default: 'a' }],
    ['without alternatives', { ...text, anyOf: [{}], oneOf: [{}], allOf: [{}], not: {} }, text],
    ['untyped where it may be null', { type: 'object', nullable: true, properties: { a: text } }, {}],
    ['untyped where it is open', { type: 'object', ...open, properties: { a: text } }, open],
    ['a list whose items are open', { type: 'array', ...open, items: text }, open],
    ['a list without items', { type: 'array' }, {}],
    ['a list', { type: 'array', items: { ...text, nullable: true } }, { type: 'array', items: {} }],
    [
      'a map',
      { type: 'object', additionalProperties: { ...text, not: {} } },
      { type: 'object', additionalProperties: text },
    ],
    [
      'not asking for what may be null',
      { type: 'object', required: ['a', 'b'], properties: { a: { ...text, nullable: true }, b: text } },
      { type: 'object', required: ['b'], properties: { a: {}, b: text } },
    ],
    [
      'asking for nothing of a map to null',
      { type: 'object', required: ['a'], additionalProperties: { ...text, nullable: true } },
      { type: 'object', additionalProperties: {} },
    ],
  ];
  for (const [what, field, want] of fields) {
    test(`shows a field ${what}`, () => {
      const whole = (spec: object) => ({ type: 'object', properties: { spec }, ...type });
      assert.deepEqual(publishedInVersion2(whole(field)), whole(want));
    });
  }
});
