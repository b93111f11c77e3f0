import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidError } from './errors.ts';
import { enoughErrors, findErrors, required } from './field-error.ts';

const missing = (count: number, onLook: () => void = () => undefined) =>
  Array.from({ length: count }, (_, i) => {
    onLook();
    return required(`spec.items[${i}]`);
  });

test('a few errors are all found', () => {
  const found = findErrors(() => missing(3));
  assert.deepEqual(found, missing(3));
  const { message, details } = invalidError(
    { group: '', kind: 'Pod' },
    'p',
    findErrors(() => missing(1_002)),
  );
  assert.match(message, /spec\.items\[999\]: Required value, and 2 more\]$/);
  assert.equal(details?.causes?.length, 1_000);
});

test('of a million errors the first are found, and the rest is not looked for', () => {
  let looked = 0;
  const found = findErrors(() => missing(1_000_000, () => looked++));
  assert.deepEqual(found, missing(enoughErrors));
  assert.equal(looked, enoughErrors);
  const { message } = invalidError({ group: '', kind: 'Pod' }, 'p', found);
  assert.match(message, /spec\.items\[999\]: Required value, and at least 4000 more\]$/);
});

test('a search that breaks off leaves the next one alone', () => {
  assert.throws(
    () =>
      findErrors(() => {
        throw new TypeError('broken');
      }),
    /broken/,
  );
  assert.equal(missing(enoughErrors + 1).length, enoughErrors + 1);
});
