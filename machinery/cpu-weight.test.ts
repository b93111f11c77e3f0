import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuWeightOfShares } from './cpu-weight.ts';

test('shares become weights over the whole range', () => {
  const weights: Record<number, number> = { 0: 0, 1: 1, 2: 1, 102: 17, 512: 59, 1024: 100, 2048: 174, 262144: 10_000 };
  for (const [shares, weight] of Object.entries(weights)) assert.equal(cpuWeightOfShares(Number(shares)), weight);
});
