import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { BackOff, parseMaxRestartPeriod } from './back-off.ts';

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

test('the longest wait may be set, also below the first one', () => {
  const delaysOf = (maxMs: number) => {
    const clock = new FakeClock();
    const backOff = new BackOff(clock, maxMs);
    return Array.from({ length: 4 }, () => {
      backOff.next('a', clock.now());
      return backOff.delayMs('a') / 1000;
    });
  };
  assert.deepEqual(delaysOf(30_000), [10, 20, 30, 30]);
  assert.deepEqual(delaysOf(2_000), [2, 2, 2, 2]);
  assert.deepEqual(['1s', '5m0s', '1m30s'].map(parseMaxRestartPeriod), [1_000, 300_000, 90_000]);
  for (const [text, seconds] of [
    ['999ms', '0.999'],
    ['301s', '301'],
    ['0', '0'],
  ] as const)
    assert.throws(() => parseMaxRestartPeriod(text), {
      message: `CrashLoopBackOff.MaxContainerRestartPeriod (got: ${seconds} seconds) must be set between 1s and 300s`,
    });
});
