import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowClock } from '../test/builders/slow-clock.ts';
import { inTurns } from './turns.ts';

const round = () => new Promise((resolve) => void setImmediate(resolve));

test('what is short is done at once, what is long in turns, of which others have every second one', async () => {
  const done: string[] = [];
  function* work(name: string, steps: number) {
    for (let i = 0; i < steps; i++) yield void done.push(name);
    return name;
  }
  assert.equal(inTurns(work('short', 3), slowClock()), 'short');
  await round();
  const all = ['a', 'b', 'c'].map((name) => inTurns(work(name, 40), slowClock()));
  const atOnce = done.length;
  let isOver = false;
  let most = 0;
  const watch = async () => {
    for (let before = done.length; !isOver; before = done.length) {
      await round();
      most = Math.max(most, done.length - before);
    }
  };
  const watching = watch();
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'c']);
  isOver = true;
  await watching;
  assert.ok(atOnce <= 13, `${atOnce} steps before anybody else had a turn`);
  assert.ok(most <= 11, `${most} steps in one turn`);
  for (const name of ['a', 'b', 'c']) assert.equal(done.filter((one) => one === name).length, 40);
  const [first, end] = [done.indexOf('c'), done.lastIndexOf('a')];
  assert.ok(first < end, 'nobody waits until another is done');
});

test('work that fails says so, and is in nobody’s way', async () => {
  function* work() {
    for (let i = 0; i < 30; i++) yield;
    throw new Error('no further');
  }
  await assert.rejects(async () => inTurns(work(), slowClock()), /no further/);
  assert.equal(await inTurns([1, 2][Symbol.iterator](), slowClock()), undefined);
});
