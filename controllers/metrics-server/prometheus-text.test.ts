import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseExposition } from './prometheus-text.ts';

describe('samples', () => {
  const table: [name: string, line: string, want: object[]][] = [
    ['plain', 'up 1', [{ name: 'up', labels: {}, value: 1 }]],
    ['with a time', 'up 1 1395066363000', [{ name: 'up', labels: {}, value: 1, atMs: 1395066363000 }]],
    ['labels', 'a{b="c",d="e"} 2.5e3', [{ name: 'a', labels: { b: 'c', d: 'e' }, value: 2500 }]],
    ['a comma at the end', 'a{b="c",} .5', [{ name: 'a', labels: { b: 'c' }, value: 0.5 }]],
    ['spaces', ' a { b = "c" , d = "e" }   -3  ', [{ name: 'a', labels: { b: 'c', d: 'e' }, value: -3 }]],
    ['no labels in braces', 'a{} 1', [{ name: 'a', labels: {}, value: 1 }]],
    ['escapes', String.raw`a{b="\\ \" \n x}"} 1`, [{ name: 'a', labels: { b: '\\ " \n x}' }, value: 1 }]],
    ['infinity', 'a{le="+Inf"} +Inf', [{ name: 'a', labels: { le: '+Inf' }, value: Infinity }]],
    ['not a number', 'a NaN', [{ name: 'a', labels: {}, value: Number.NaN }]],
    ['comments and empty lines', '# HELP a x\n# TYPE a counter\n\na 1\r\n', [{ name: 'a', labels: {}, value: 1 }]],
    ['a colon', 'job:x:rate 1', [{ name: 'job:x:rate', labels: {}, value: 1 }]],
    ['nothing', '', []],
  ];
  for (const [name, text, want] of table) test(name, () => assert.deepEqual(parseExposition(text), want));
});

describe('refused', () => {
  const lines = [
    'a',
    'a b',
    'a{b="c" 1',
    'a{b=c} 1',
    '1a 1',
    'a 1 x',
    'a{b="c"} 1 2 3',
    '<html>',
    'a{"b"="c"} 1',
    'a 0x1f',
  ];
  for (const line of lines) {
    test(line, () => assert.throws(() => parseExposition(`up 1\n${line}\n`), /^Error: line 2 is no sample: /));
  }
  test('too many', () => assert.throws(() => parseExposition('a 1\n'.repeat(20_001)), /more than 20000 samples/));
});

test('a long or hostile line is refused soon', () => {
  const length = 60_000;
  const lines = [
    'a{'.padEnd(length, ' '),
    `a{${'b="c" '.repeat(length / 6 - 1)}`,
    `a{b="${String.raw`\\`.repeat(length / 2 - 4)}`,
    `a ${'1'.repeat(length)}x`,
    `a 1${' '.repeat(length)}x`,
    'a'.repeat(5_000_000),
  ];
  for (const line of lines) assert.throws(() => parseExposition(line), /line 1 is no sample/);
});
