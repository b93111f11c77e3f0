import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cloneJson, findDuplicateKeys, jsonEqual } from './json.ts';

describe('findDuplicateKeys', () => {
  const cases: [name: string, text: string, want: string[]][] = [
    ['nothing twice', '{"a":1,"b":{"a":2}}', []],
    ['at the top', '{"a":1,"a":2}', ['a']],
    ['nested', '{"spec":{"replicas":1,"x":{},"replicas":2}}', ['spec.replicas']],
    ['in a list of objects', '{"c":[{"n":1},{"n":1,"n":2}]}', ['c[1].n']],
    ['the same key in two objects of a list', '[{"a":1},{"a":1}]', []],
    ['keys inside strings do not count', '{"a":"{\\"b\\":1,\\"b\\":2}"}', []],
    ['an escaped quote in a key', '{"a\\"b":1,"a\\"b":2}', ['a"b']],
    ['a backslash before the closing quote', '{"a":"x\\\\","a":1}', ['a']],
    ['strings in lists are no keys', '{"a":["x","x"],"b":1}', []],
    ['three times is reported twice', '{"a":1,"a":2,"a":3}', ['a', 'a']],
  ];
  for (const [name, text, want] of cases) {
    test(name, () => {
      JSON.parse(text);
      assert.deepEqual(findDuplicateKeys(text), want);
    });
  }
});

test('jsonEqual ignores key order and takes undefined for absent', () => {
  assert.ok(jsonEqual({ a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 }));
  assert.ok(jsonEqual({ a: 1, b: undefined }, { a: 1 }));
  assert.ok(!jsonEqual({ a: 1 }, { a: 1, b: null }));
  assert.ok(!jsonEqual([1, 2], [2, 1]));
  assert.ok(!jsonEqual({}, []));
});

test('cloneJson keeps a key called __proto__ as data', () => {
  const value = JSON.parse('{"__proto__":{"polluted":true}}');
  const copy = cloneJson(value);
  assert.ok(Object.hasOwn(copy, '__proto__'));
  assert.equal((copy as { polluted?: boolean }).polluted, undefined);
  assert.equal(JSON.stringify(copy), JSON.stringify(value));
});
