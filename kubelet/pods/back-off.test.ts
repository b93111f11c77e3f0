import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { BackOff } from './back-off.ts';

test('waits double from 10 s to 300 s, and a quiet key starts over', async () => {
  const clock = new FakeClock();
  const backOff = new BackOff(clock);
  assert.equal(backOff.remainingMs('a', clock.now()), 0, 'the first restart is at once');
  const delays: number[] = [];
  for (let i = 0; i < 7; i++) {
    backOff.next('a', clock.now());
    delays.push(backOff.remainingMs('a', clock.now()) / 1000);
    await clock.advance(delays.at(-1)! * 1000);
    assert.equal(backOff.remainingMs('a', clock.now() - delays.at(-1)! * 1000), 0);
  }
  assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
  await clock.advance(600_001);
  backOff.next('a', clock.now());
  assert.equal(backOff.delayMs('a'), 10_000);
});

test('keys are forgotten by prefix', () => {
  const clock = new FakeClock();
  const backOff = new BackOff(clock);
  backOff.next('uid_a', clock.now());
  backOff.next('other_a', clock.now());
  backOff.forget('uid_');
  assert.deepEqual([backOff.delayMs('uid_a'), backOff.delayMs('other_a')], [0, 10_000]);
});
