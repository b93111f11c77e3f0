import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { Expectations } from './expectations.ts';

test('creations and deletions are awaited together', () => {
  const expectations = new Expectations(new FakeClock());
  assert.equal(expectations.leftMs('o') === 0, true);
  expectations.expect('o', { creations: 2, deletions: ['a'] });
  const seen: boolean[] = [];
  const look = () => seen.push(expectations.leftMs('o') === 0);
  expectations.creationObserved('o');
  look();
  expectations.deletionObserved('o', 'a');
  look();
  expectations.creationObserved('o');
  look();
  expectations.creationObserved('o');
  look();
  assert.deepEqual(seen, [false, false, true, true]);
});

test('what is never seen is given up after five minutes', async () => {
  const clock = new FakeClock();
  const expectations = new Expectations(clock);
  expectations.expectCreations('o', 1);
  await clock.advance(299_000);
  assert.deepEqual([expectations.leftMs('o') === 0, expectations.leftMs('o')], [false, 1000]);
  await clock.advance(2_000);
  assert.equal(expectations.leftMs('o') === 0, true);
});

test('an owner that is forgotten expects nothing', () => {
  const expectations = new Expectations(new FakeClock());
  expectations.expectDeletions('o', ['a']);
  expectations.forget('o');
  assert.equal(expectations.leftMs('o') === 0, true);
});
