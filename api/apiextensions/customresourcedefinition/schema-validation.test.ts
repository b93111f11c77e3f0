import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JSONSchemaProps } from './json-schema.ts';
import { validateSchema } from './schema-validation.ts';

test('a default is a value of its schema', () => {
  const errorsOf = (a: JSONSchemaProps) =>
    validateSchema({ type: 'object', properties: { a } }, false, 's').map((error) => `${error.field}: ${error.detail}`);
  assert.deepEqual(errorsOf({ type: 'integer', maximum: 3, default: 3 }), []);
  assert.deepEqual(errorsOf({ type: 'integer', default: 'x' }), [
    's.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"',
  ]);
  const set: JSONSchemaProps = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' };
  assert.deepEqual(errorsOf({ ...set, default: ['a', 'a'] }), []);
  const rule = { rule: "self.startsWith('kube')" };
  assert.deepEqual(errorsOf({ type: 'string', default: 'nope', 'x-kubernetes-validations': [rule] }), [
    `s.properties[a].default: Invalid value: "nope": failed rule: ${rule.rule}`,
  ]);
  const name: JSONSchemaProps = { type: 'string', default: '%' };
  const metadata: JSONSchemaProps = { type: 'object', properties: { name } };
  const embedded: JSONSchemaProps = { type: 'object', 'x-kubernetes-embedded-resource': true };
  assert.deepEqual(errorsOf({ ...embedded, properties: { metadata, kind: { ...name, default: '' } } }), [
    's.properties[a].properties[metadata].properties[name].default: Invalid value: "%": must result in valid metadata: metadata.name: Invalid value: "%": may not contain \'%\'',
    's.properties[a].properties[kind].default: Invalid value: "": must result in valid metadata: kind: Invalid value: "": must not be empty',
  ]);
  assert.deepEqual(errorsOf({ ...embedded, default: { x: 1 }, 'x-kubernetes-preserve-unknown-fields': true }), [
    's.properties[a].default.apiVersion: Required value',
    's.properties[a].default.kind: Required value',
  ]);
});
