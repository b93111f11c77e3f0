import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Resting } from './resting.ts';

test('a value is made when it is needed, and again when it rested', () => {
  let made = 0;
  const resting = new Resting(() => ({ number: ++made }));
  assert.equal(made, 0);
  assert.deepEqual([resting.get(), resting.get()], [{ number: 1 }, { number: 1 }]);
  resting.restIfIdle();
  assert.equal(resting.get().number, 1);
  resting.restIfIdle();
  resting.restIfIdle();
  assert.equal(resting.get().number, 2);
});
