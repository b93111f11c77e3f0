import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ifThere, ifThereSync } from './if-there.ts';

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code });
};

test('what is not there is undefined, and so is what fails with a code that is named; all else is an error', async () => {
  assert.equal(await ifThere(readFile('/nowhere/at/all')), undefined);
  assert.equal(await ifThere(readFile('/dev/null/x'), 'ENOTDIR'), undefined);
  await assert.rejects(ifThere(readFile('/dev/null/x')), { code: 'ENOTDIR' });
  assert.equal(ifThereSync(failing('ENOENT')), undefined);
  assert.equal(ifThereSync(failing('EBUSY'), 'ENOTEMPTY', 'EBUSY'), undefined);
  assert.throws(() => ifThereSync(failing('EACCES'), 'EBUSY'), { code: 'EACCES' });
  assert.equal(
    ifThereSync(() => 0),
    0,
  );
});
