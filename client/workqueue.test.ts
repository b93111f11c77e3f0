import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../machinery/clock.ts';
import { WorkQueue } from './workqueue.ts';

const newQueue = (clock = new FakeClock()) => new WorkQueue({ clock, baseDelayMs: 10, maxDelayMs: 100 });

test('a key added while it waits is there once', async () => {
  const queue = newQueue();
  queue.add('a');
  queue.add('a');
  queue.add('b');
  assert.deepEqual([await queue.take(), await queue.take(), queue.length], ['a', 'b', 0]);
});

test('a key added while it is processed comes again only after it is done', async () => {
  const queue = newQueue();
  queue.add('a');
  await queue.take();
  queue.add('a');
  assert.equal(queue.length, 0);
  queue.done('a');
  assert.equal(await queue.take(), 'a');
});

test('take() waits for a key', async () => {
  const queue = newQueue();
  const taken = queue.take();
  queue.add('a');
  assert.equal(await taken, 'a');
});

test('addAfter() keeps the earlier of two times', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.addAfter('a', 50);
  queue.addAfter('a', 20);
  queue.addAfter('a', 80);
  await clock.advance(20);
  assert.equal(queue.length, 1);
  await clock.advance(100);
  assert.equal(queue.length, 1);
});

test('retries come later each time, up to a bound, until the key is forgotten', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const before = clock.now();
    queue.retry('a');
    const taken = queue.take();
    let isTaken = false;
    void taken.then(() => (isTaken = true));
    while (!isTaken) await clock.advance(1);
    waits.push(clock.now() - before);
    queue.done('a');
  }
  assert.deepEqual(waits, [10, 20, 40, 80, 100]);
  queue.forget('a');
  assert.equal(queue.failuresOf('a'), 0);
});

test('close() leaves undone what still waits', async () => {
  const queue = newQueue();
  queue.add('a');
  queue.close();
  assert.equal(await queue.take(), undefined);
});

test('close() lets every taker go', async () => {
  const queue = newQueue();
  const taken = queue.take();
  queue.close();
  assert.equal(await taken, undefined);
  queue.add('a');
  assert.equal(await queue.take(), undefined);
});
