import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { WakeLoop } from './wake-loop.ts';

function loopWith(work: (run: number) => Promise<void> = async () => undefined) {
  const clock = new FakeClock();
  const delays: number[] = [];
  let runs = 0;
  const loop = new WakeLoop({
    clock,
    run: () => work(++runs),
    onFailure: (_err, delayMs) => delays.push(delayMs),
  });
  return { clock, loop, delays, runs: () => runs };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('WakeLoop', () => {
  test('many wake-ups during a run mean one more run', async () => {
    let finish = () => {};
    const { loop, runs } = loopWith(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    loop.wake();
    for (let i = 0; i < 3; i++) loop.wake();
    assert.equal(runs(), 1);
    finish();
    await settled();
    assert.equal(runs(), 2);
    finish();
    await settled();
    assert.equal(runs(), 2);
  });

  test('the earliest of the times that were asked for counts', async () => {
    const { clock, loop, runs } = loopWith();
    for (const delayMs of [5_000, 1_000, 3_000]) loop.wakeAfter(delayMs);
    await clock.advance(1_000);
    assert.equal(runs(), 1);
    await clock.advance(10_000);
    assert.equal(runs(), 1);
  });

  test('a clock that is set changes nothing of the time until the next run', async () => {
    const { clock, loop, runs } = loopWith();
    loop.wakeAfter(30_000);
    clock.set(3_600_000);
    loop.wakeAfter(1_000);
    await clock.advance(1_000);
    assert.equal(runs(), 1);
  });

  test('failures are told and tried again, later each time, until one run succeeds', async () => {
    const { clock, loop, delays, runs } = loopWith(async (run) => {
      if (run !== 4) throw new Error('no');
    });
    loop.wake();
    for (const delayMs of [0, 500, 1_000, 2_000]) await clock.advance(delayMs);
    assert.deepEqual([delays, runs()], [[500, 1_000, 2_000], 4]);
    loop.wake();
    await settled();
    assert.equal(delays.at(-1), 500);
  });

  test('a stopped loop runs no more', async () => {
    const { clock, loop, runs } = loopWith();
    loop.wakeAfter(1_000);
    loop.stop();
    loop.wake();
    loop.wakeAfter(10);
    await clock.advance(2_000);
    assert.equal(runs(), 0);
  });
});
