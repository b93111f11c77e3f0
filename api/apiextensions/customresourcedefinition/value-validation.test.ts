// Large values under large schemas; what is right and wrong is told in apiserver/crd/validation.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateValue } from './value-validation.ts';

test('an enum is read once, however many values are held against it', () => {
  let reads = 0;
  const names = Array.from({ length: 1_000 }, (_, i) => (i % 2 ? `e${i}` : { b: i, a: [i] }));
  const counted = new Proxy(names, {
    get: (target, key) => {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
      return Reflect.get(target, key);
    },
  });
  const schema = { type: 'array', items: { enum: counted } };
  const values = [...names.slice(0, 999), { a: [998], b: 998 }, 'e2', { a: [1] }, 0];
  const found = validateValue(schema, values).map(({ field, type }) => `${field} ${type}`);
  assert.deepEqual(found, ['[1000] NotSupported', '[1001] NotSupported', '[1002] NotSupported']);
  assert.ok(reads <= 3 * names.length, `${reads} reads`);
});
