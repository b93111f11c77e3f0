import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { InOrder } from './in-order.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('what need not wait is done at once, what comes after something slow waits for it', async () => {
  const done: string[] = [];
  const order = new InOrder(new FakeClock(), (err) => void done.push(String(err)));
  let release!: () => void;
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  order.run(() => void done.push('a'));
  assert.deepEqual(done, ['a']);
  order.run(() => slow.then(() => void done.push('b')));
  order.run(() => void done.push('c'));
  await turn();
  assert.deepEqual(done, ['a']);
  release();
  await turn();
  assert.deepEqual(done, ['a', 'b', 'c']);
  order.run(() => void done.push('d'));
  assert.deepEqual(done, ['a', 'b', 'c', 'd']);
});

for (const [how, fail] of [
  ['at once', () => assert.fail('no')],
  ['later', () => Promise.reject(new Error('no'))],
] as const) {
  test(`one that fails ${how} ends it, and is told once`, async () => {
    const told: unknown[] = [];
    const order = new InOrder(new FakeClock(), (err) => void told.push(err));
    order.run(fail);
    order.run(fail);
    await turn();
    order.run(() => assert.fail('after the end'));
    assert.equal(told.length, 1);
  });
}
