import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuRates } from './cpu-rates.ts';

test('a rate is what was used between two measurements, for as long as it is measured', () => {
  const rates = new CpuRates();
  const ask = (atMs: number, used: Record<string, number>) => {
    const found = Object.entries(used).map(([key, nanoseconds]) => rates.of(key, atMs, nanoseconds));
    rates.turn();
    return found;
  };
  assert.deepEqual(ask(0, { a: 1e9, b: 0 }), [undefined, undefined]);
  // Half a second says little.
  assert.deepEqual(ask(500, { a: 9e9, b: 1 }), [undefined, undefined]);
  assert.deepEqual(ask(2_000, { a: 2e9, b: 3e8 }), [5e8, 1.5e8]);
  assert.deepEqual(ask(2_900, { a: 8e9, b: 3e8 }), [5e8, 1.5e8]);
  // Who is not measured is forgotten; who begins anew has no rate.
  assert.deepEqual(ask(4_000, { a: 2e9 }), [0]);
  assert.deepEqual(ask(6_000, { a: 1e9, b: 9e9 }), [undefined, undefined]);
  assert.deepEqual(ask(8_000, { a: 2e9, b: 9e9 }), [5e8, 0]);
  assert.equal(rates.of('a', 9_000, 3e9), 1e9);
  assert.equal(rates.of('a', 9_100, 3e9), 1e9, 'twice in one round');
});
