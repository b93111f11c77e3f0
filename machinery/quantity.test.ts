import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  isNegativeQuantity,
  isWholeQuantity,
  quantityInteger,
  quantityMilliValue,
  quantityProblem,
  quantityValue,
  subtractQuantities,
} from './quantity.ts';

test('canonicalQuantity keeps the suffix family and takes the largest suffix without a fraction', () => {
  const table: [string, string | undefined][] = [
    ['0', '0'],
    ['0Ki', '0'],
    ['-0', '0'],
    ['1', '1'],
    ['+1', '1'],
    ['1.0', '1'],
    ['2.0', '2'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['5.', '5'],
    ['1500m', '1500m'],
    ['1000m', '1'],
    ['100m', '100m'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['1073741824', '1073741824'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['2000Mi', '2000Mi'],
    ['0.5Ki', '512'],
    ['1000Ki', '1000Ki'],
    ['0.1Ki', '102400m'],
    ['2e9', '2e9'],
    ['1E3', '1e3'],
    ['1e10', '10e9'],
    ['1200e3', '1200e3'],
    ['1000e3', '1e6'],
    ['5e0', '5'],
    ['1e-3', '1e-3'],
    ['1E', '1E'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['0.0000000001', '1n'],
    ['-1.5', '-1500m'],
    ['-1Gi', '-1Gi'],
    ['12E', '12E'],
    ['1000E', '1e21'],
    // Digits that decide nothing are not computed with, however many they are.
    [`${'0'.repeat(1_000_000)}7.5${'0'.repeat(1_000_000)}`, '7500m'],
    [`0.${'0'.repeat(1_000_000)}1`, '1n'],
    [`1${'0'.repeat(1_000_000)}e-64`, '10e63'],
    [`${'9'.repeat(1_000_000)}Ki`, '9223372036854775807'],
    ['0.000000000001Ki', '2n'],
    ['9223372036854775807Ki', '9223372036854775807'],
    ['9Ei', '9223372036854775807'],
    ['1e30', '1e30'],
    ['1e999', '10e63'],
    ['', undefined],
    // No digits are zero.
    ['.', '0'],
    ['-', '0'],
    ['+.k', '0'],
    ['m', '0'],
    ['e3', '0'],
    ['abc', undefined],
    ['1 Gi', undefined],
    ['1K', undefined],
    ['1ki', undefined],
    ['1e', undefined],
    ['1.2.3', undefined],
    ['--1', undefined],
  ];
  for (const [text, want] of table) assert.equal(canonicalQuantity(text), want, text);
});

test('what is wrong with a text is told as upstream tells it', () => {
  for (const text of ['1e', '1e+', '1K', '1ii', '1+5', '1m5', '--1'])
    assert.equal(quantityProblem(text), "unable to parse quantity's suffix", text);
  for (const text of ['', ' ', '1Zi', 'abc', '1.2.3', '1 Gi', `${'1'.repeat(1_000_000)}x`])
    assert.match(quantityProblem(text), /^quantities must match the regular expression '/);
});

test('a canonical form is its own canonical form', () => {
  for (const text of ['500m', '1536Mi', '10e9', '9223372036854775807', '-1500m', '102400m', '512']) {
    assert.equal(canonicalQuantity(text), text);
  }
});

test('quantities compare and add by amount, whatever their suffix', () => {
  assert.equal(compareQuantities('1Gi', '1024Mi'), 0);
  assert.equal(compareQuantities('1G', '1Gi'), -1);
  assert.equal(compareQuantities('1', '999m'), 1);
  assert.equal(compareQuantities(undefined, '-1'), 1);
  assert.equal(addQuantities('1Gi', '1G'), '2073741824');
  assert.equal(addQuantities('100m', '900m'), '1');
  assert.equal(addQuantities('0', '1Gi'), '1Gi');
  assert.equal(addQuantities(undefined, '512Mi'), '512Mi');
  assert.equal(addQuantities('1', '-1500m'), '-500m');
  assert.equal(subtractQuantities('1Gi', '512Mi'), '512Mi');
  assert.equal(subtractQuantities(undefined, '1'), '-1');
  assert.equal(subtractQuantities('1', '1'), '0');
});

test('numeric values are rounded up', () => {
  assert.equal(quantityValue('1Ki'), 1024);
  assert.equal(quantityInteger('8Ei'), '9223372036854775807');
  assert.equal(quantityInteger('0.5'), '1');
  assert.equal(quantityValue('1001m'), 2);
  assert.equal(quantityMilliValue('1.5'), 1500);
  assert.equal(quantityMilliValue('100u'), 1);
  assert.equal(isNegativeQuantity('-1m'), true);
  assert.equal(isWholeQuantity('1500m'), false);
  assert.equal(isWholeQuantity('1.5Ki'), true);
});
