import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../machinery/clock.ts';
import { Points } from './points.ts';

/** Looks that count themselves. */
function counted() {
  const clock = new FakeClock();
  let looks = 0;
  let problem: Error | undefined;
  const points = new Points(clock, async () => {
    if (problem) throw problem;
    return { look: ++looks };
  });
  /** Reads, with as much time as a second look needs. */
  const read = async () => {
    const reading = points.read('x');
    await clock.advance(0);
    await clock.advance(1_000);
    const { before, last } = await reading;
    return [before.value.look, last.value.look, last.atMs - before.atMs];
  };
  return { clock, points, read, fail: (err: Error | undefined) => (problem = err) };
}

test('the first in a while looks twice, a second apart; the next one once', async () => {
  const { clock, read } = counted();
  assert.deepEqual(await read(), [1, 2, 1_000]);
  await clock.advance(5_000);
  assert.deepEqual(await read(), [1, 2, 1_000]);
  await clock.advance(10_000);
  assert.deepEqual(await read(), [2, 3, 16_000]);
  await clock.advance(100_000);
  assert.deepEqual(await read(), [4, 5, 1_000]);
});

test('those who ask at the same time share a look', async () => {
  const { clock, points } = counted();
  const all = Promise.all([points.read('x'), points.read('x'), points.read('x')]);
  await clock.advance(0);
  await clock.advance(1_000);
  assert.deepEqual(new Set((await all).map(({ last }) => last.value.look)), new Set([2]));
});

test('one that failed is not tried again at once, and what was known before stays', async () => {
  const { clock, points, read, fail } = counted();
  await read();
  await clock.advance(20_000);
  fail(new Error('away'));
  await assert.rejects(points.read('x'), /away/);
  fail(undefined);
  await clock.advance(5_000);
  await assert.rejects(points.read('x'), /away/);
  await clock.advance(5_000);
  assert.deepEqual((await read()).slice(0, 2), [2, 3]);
});
