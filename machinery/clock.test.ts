import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { afterListening, realClock } from './clock.ts';

test('a wait for an answer ends with its time, unless it is cancelled', async () => {
  const clock = new FakeClock();
  const ended: string[] = [];
  afterListening(clock, 5_000, () => ended.push('waited'));
  const cancelled = afterListening(clock, 5_000, () => ended.push('cancelled'));
  await clock.advance(4_999);
  assert.deepEqual(ended, []);
  cancelled.cancel();
  await clock.advance(1);
  assert.deepEqual(ended, ['waited']);
});

test('a loop that was busy for longer than the whole wait listens before it ends', () => {
  const clock = new FakeClock();
  const due: (() => void)[] = [];
  clock.after = (_delayMs, fn) => {
    due.push(fn);
    return { cancel: () => undefined };
  };
  let ended = false;
  afterListening(clock, 5_000, () => {
    ended = true;
  });
  // All timers of a busy loop are due at once: each turn runs those that it finds.
  for (let turn = 1; turn < 5; turn++) {
    for (const fire of due.splice(0)) fire();
    assert.equal(ended, false, `turn ${turn}`);
  }
  for (const fire of due.splice(0)) fire();
  assert.equal(ended, true);
});

test('a period that is longer than Node can count is a long one', async () => {
  let runs = 0;
  const timer = realClock.every(3e9, () => runs++);
  await realClock.sleep(20);
  timer.cancel();
  assert.equal(runs, 0);
});
