import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from './render.ts';

test('YAML means the same to readers of YAML 1.1, and has no aliases', () => {
  const shared = { a: 'yes' };
  const { body } = encode({ one: shared, two: shared, mode: '0644', off: 'off' }, 200, { encoding: 'yaml' });
  assert.equal(body.toString(), 'one:\n  a: "yes"\ntwo:\n  a: "yes"\nmode: "0644"\n"off": "off"\n');
});

test('JSON for people is indented, whatever it holds', () => {
  const value = { a: [], b: {}, c: [1, { d: 'x:{[,"\\' }], e: 2n ** 60n };
  const { body } = encode(value, 200, { encoding: 'json', pretty: true });
  const want = JSON.stringify({ ...value, e: 'E' }, null, 2).replace('"E"', String(2n ** 60n));
  assert.equal(body.toString(), want);
});
