import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatAge, formatGoDuration, formatHumanDuration, parseGoDuration } from './duration.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test('formatHumanDuration loses precision as durations grow', () => {
  const table: [number, string][] = [
    [-5 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [999, '0s'],
    [second, '1s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + 30 * second, '2m30s'],
    [10 * minute + 30 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 20 * minute, '3h20m'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 30 * minute, '8h'],
    [47 * hour, '47h'],
    [48 * hour, '2d'],
    [51 * hour, '2d3h'],
    [8 * day + hour, '8d'],
    [729 * day, '729d'],
    [2 * 365 * day, '2y'],
    [2 * 365 * day + 30 * day, '2y30d'],
    [8 * 365 * day + 30 * day, '8y'],
  ];
  for (const [ms, want] of table) assert.equal(formatHumanDuration(ms), want, `${ms} ms`);
});

test('formatAge counts from a time', () => {
  assert.equal(formatAge('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:05:00Z')), '5m');
  assert.equal(formatAge(undefined, 0), '<unknown>');
});

describe('parseGoDuration', () => {
  const cases: [text: string, want: number | string][] = [
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['-1.5s', -1_500],
    ['300ms', 300],
    ['.5m', 30_000],
    ['0', 0],
    ['', 'time: invalid duration ""'],
    ['2562048h', 'time: invalid duration "2562048h"'],
    ['invalid', 'time: invalid duration "invalid"'],
    ['5', 'time: missing unit in duration "5"'],
    ['5x', 'time: unknown unit "x" in duration "5x"'],
    ['1s2', 'time: missing unit in duration "1s2"'],
    ['1constructor', 'time: unknown unit "constructor" in duration "1constructor"'],
  ];
  for (const [text, want] of cases)
    test(JSON.stringify(text), () => {
      if (typeof want === 'number') assert.equal(parseGoDuration(text), want);
      else assert.throws(() => parseGoDuration(text), { message: want });
    });
});

test('durations as Go writes them', () => {
  const texts = ['0s', '1s', '15.062s', '1m0s', '1m30.5s', '1h0m0s', '26h3m0.5s'];
  for (const text of texts) assert.equal(formatGoDuration(parseGoDuration(text)), text);
});
