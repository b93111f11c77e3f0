import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownTurn } from './turn.ts';

test('between two turns others get theirs, and the order is kept', async () => {
  const told: string[] = [];
  const starts = [1, 2, 3].map((n) => ownTurn().then(() => told.push(`start ${n}`)));
  const others = async () => {
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      told.push('other');
    }
  };
  let turns = 0;
  const count = () => {
    turns++;
    if (told.filter((what) => what.startsWith('start')).length < 3) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all([...starts, others()]);
  assert.deepEqual(
    told.filter((what) => what !== 'other'),
    ['start 1', 'start 2', 'start 3'],
  );
  assert.ok(turns >= 3, `${turns} turns of the loop`);
});
