import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateEmbeddedResources } from './embedded-resources.ts';
import type { JSONSchemaProps } from './json-schema.ts';

const embedded: JSONSchemaProps = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  'x-kubernetes-preserve-unknown-fields': true,
};
const places: JSONSchemaProps = {
  type: 'object',
  properties: {
    one: embedded,
    list: { type: 'array', items: embedded },
    map: { type: 'object', additionalProperties: embedded },
  },
};
const good = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { labels: { a: 'b' } }, spec: { apiVersion: 1 } };

const cases: [value: object, want: string[]][] = [
  [{ one: good, list: [good], map: { a: good } }, []],
  [{ one: { ...good, metadata: { name: 'system:node', namespace: 'n' } } }, []],
  [{ one: {} }, ['one.apiVersion: Required value', 'one.kind: Required value']],
  [{ list: [good, { ...good, kind: '' }] }, ['list[1].kind: Invalid value: "": must not be empty']],
  [
    { map: { a: { ...good, apiVersion: 'a/b/c' } } },
    ['map[a].apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
  ],
  [{ one: { ...good, apiVersion: 1 } }, ['one.apiVersion: Invalid value: 1: must be a string']],
  [{ one: { ...good, metadata: { name: 'a/b' } } }, [`one.metadata.name: Invalid value: "a/b": may not contain '/'`]],
];

for (const [value, want] of cases) {
  test(`objects in ${JSON.stringify(value).slice(0, 60)}`, () => {
    const errors = validateEmbeddedResources(places, value, '');
    assert.deepEqual(
      errors.map(({ field, detail }) => `${field}: ${detail}`),
      want,
    );
  });
}

test('what is no kind says so in the words of Kubernetes', () => {
  const [error] = validateEmbeddedResources(embedded, { ...good, kind: 'A B' }, 'x');
  assert.equal(error?.field, 'x.kind');
  assert.match(
    error?.detail ?? '',
    /^Invalid value: "A B": may have mixed case, but should otherwise match: a DNS-1035/,
  );
});
