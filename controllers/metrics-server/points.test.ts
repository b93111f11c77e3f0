import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atMost } from '../../machinery/at-most.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { Points } from './points.ts';

/** Looks that count themselves. */
function counted() {
  const clock = new FakeClock();
  let looks = 0;
  let problem: Error | undefined;
  const look = async () => {
    if (problem) throw problem;
    return { look: ++looks };
  };
  const points = new Points(clock, look, () => 1);
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

test('what is kept is bounded', async () => {
  const clock = new FakeClock();
  let looks = 0;
  const points = new Points(
    clock,
    async () => ({ look: ++looks }),
    () => 20_000,
  );
  for (const key of ['a', 'b', 'c', 'a']) {
    const reading = points.read(key);
    await clock.advance(0);
    await clock.advance(1_000);
    await reading;
  }
  assert.equal(looks, 8);
});

test('so much goes on at a time', async () => {
  const inTurn = atMost(2);
  const ends: ((err?: Error) => void)[] = [];
  const work = () => new Promise<void>((resolve, reject) => ends.push((err) => (err ? reject(err) : resolve())));
  const all = Promise.allSettled([1, 2, 3, 4].map(() => inTurn(work)));
  assert.equal(ends.length, 2);
  ends[0]!(new Error('no'));
  await new Promise(setImmediate);
  assert.equal(ends.length, 3);
  for (let i = 1; i < 4; i++) {
    ends[i]!();
    await new Promise(setImmediate);
  }
  assert.deepEqual(
    (await all).map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
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
