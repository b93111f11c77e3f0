import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goJson, sortKeys } from './go-json.ts';

test('goJson() escapes as Go does, and reads back as what it was', () => {
  const value = { a: 'x <b> & \u2028 y', '<': ['&&', 'plain'] };
  const text = goJson(value);
  assert.equal(text, '{"a":"x \\u003cb\\u003e \\u0026 \\u2028 y","\\u003c":["\\u0026\\u0026","plain"]}');
  assert.deepEqual(JSON.parse(text), value);
  assert.equal(goJson({ a: 1 }), '{"a":1}');
});

test('sortKeys() sorts at every depth and leaves lists as they are', () => {
  const sorted = sortKeys({ b: [{ d: 1, c: null }, 3, 2], a: { $patch: 'replace', B: 1 } });
  assert.equal(JSON.stringify(sorted), '{"a":{"$patch":"replace","B":1},"b":[{"c":null,"d":1},3,2]}');
});
