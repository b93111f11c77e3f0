import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { WorkQueue } from './workqueue.ts';
import { WorkQueueMetrics } from './workqueue-metrics.ts';

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

test('a clock that is set forward keeps no earlier look from coming', async () => {
  class SettableClock extends FakeClock {
    setByMs = 0;
    override now() {
      return super.now() + this.setByMs;
    }
  }
  const clock = new SettableClock();
  const queue = newQueue(clock);
  queue.addAfter('a', 50);
  clock.setByMs = 3_600_000;
  queue.addAfter('a', 20);
  await clock.advance(20);
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

test('a queue tells how much waits, how long, and what is worked on', async () => {
  const clock = new FakeClock();
  const registry = new Registry();
  const metrics = new WorkQueueMetrics(registry);
  const queue = new WorkQueue({ clock, metrics: (state) => metrics.of('q', state) });
  queue.add('a');
  queue.add('a');
  queue.add('b');
  await clock.advance(2_000);
  const key = await queue.take();
  await clock.advance(3_000);
  const text = await registry.metrics();
  for (const line of [
    'workqueue_adds_total{name="q"} 2',
    'workqueue_depth{name="q"} 1',
    'workqueue_queue_duration_seconds_sum{name="q"} 2',
    'workqueue_unfinished_work_seconds{name="q"} 3',
    'workqueue_longest_running_processor_seconds{name="q"} 3',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
  }
  queue.retry(key!);
  queue.done(key!);
  const after = await registry.metrics();
  assert.match(after, /workqueue_retries_total\{name="q"\} 1\n/);
  assert.match(after, /workqueue_work_duration_seconds_sum\{name="q"\} 3\n/);
  assert.match(after, /workqueue_unfinished_work_seconds\{name="q"\} 0\n/);
  queue.close();
});
