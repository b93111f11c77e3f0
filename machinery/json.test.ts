import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cloneJson, jsonEqual, writeJson } from './json.ts';

test('writeJson writes bigints as numbers, and everything else as JSON.stringify does', () => {
  const value = { a: 'x"', b: [1, null, undefined, { c: undefined }], d: undefined, e: {} };
  assert.equal(writeJson(value), JSON.stringify(value));
  assert.equal(
    writeJson({ ...value, f: 2n ** 62n }),
    JSON.stringify({ ...value, f: 0 }).replace(/0}$/, '4611686018427387904}'),
  );
  assert.equal(writeJson([1n, undefined, { a: -5n }]), '[1,null,{"a":-5}]');
});

test('jsonEqual ignores key order and takes undefined for absent', () => {
  assert.ok(jsonEqual({ a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 }));
  assert.ok(jsonEqual({ a: 1, b: undefined }, { a: 1 }));
  assert.ok(!jsonEqual({ a: 1 }, { a: 1, b: null }));
  assert.ok(!jsonEqual([1, 2], [2, 1]));
  assert.ok(!jsonEqual({}, []));
  for (const name of ['toString', 'constructor', 'hasOwnProperty']) {
    assert.ok(!jsonEqual({}, { [name]: 'x' }) && !jsonEqual({ [name]: 'x' }, {}), `${name} is a name like others`);
  }
});

test('cloneJson keeps a key called __proto__ as data', () => {
  const value = JSON.parse('{"__proto__":{"polluted":true}}');
  const copy = cloneJson(value);
  assert.ok(Object.hasOwn(copy, '__proto__'));
  assert.equal((copy as { polluted?: boolean }).polluted, undefined);
  assert.equal(JSON.stringify(copy), JSON.stringify(value));
});
