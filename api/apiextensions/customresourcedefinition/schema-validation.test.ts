import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JSONSchemaProps } from './json-schema.ts';
import { validateSchema } from './schema-validation.ts';

test('a default is a value of its schema', () => {
  const errorsOf = (a: JSONSchemaProps) =>
    validateSchema({ type: 'object', properties: { a } }, false, 's').map((error) => `${error.field}: ${error.detail}`);
  assert.deepEqual(errorsOf({ type: 'integer', maximum: 3, default: 3 }), []);
  assert.deepEqual(errorsOf({ type: 'integer', default: 'x' }), [
    's.properties[a].default: Invalid value: "string": s.properties[a].default in body must be of type integer: "string"',
  ]);
  const set: JSONSchemaProps = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' };
  assert.deepEqual(errorsOf({ ...set, default: ['a', 'a'] }), ['s.properties[a].default[1]: Duplicate value: "a"']);
});
