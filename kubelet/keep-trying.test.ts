import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { keepTrying } from './keep-trying.ts';

test('work is tried until it is done, later each time, and no more once the signal is aborted', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const waits: number[] = [];
  let tries = 0;
  const work = async () => {
    if (++tries < 5) throw new Error('not yet');
    return tries;
  };
  const onFailure = (_err: unknown, delayMs: number) => waits.push(delayMs);
  const patience = { clock, signal: stop.signal, delayMs: 10, maxDelayMs: 40, onFailure };
  const done = keepTrying(work, patience);
  for (let i = 0; i < 4; i++) await clock.advance(40);
  assert.deepEqual([await done, waits], [5, [10, 20, 40, 40]]);
  const given = keepTrying(async () => {
    throw new Error('never');
  }, patience);
  stop.abort(new Error('the end'));
  await assert.rejects(given, { message: 'the end' });
});
