import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatUnifiedDiff } from './unified-diff.ts';

const lines = (text: string) => text.split('');

test('formatUnifiedDiff shows changes with three lines of context', () => {
  const table: [string, string, string][] = [
    ['abc', 'abc', ''],
    ['abcdefghi', 'abcdXfghi', '@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n'],
    ['abc', 'Xabc', '@@ -1,3 +1,4 @@\n+X\n a\n b\n c\n'],
    ['abc', 'ab', '@@ -1,3 +1,2 @@\n a\n b\n-c\n'],
    ['', 'ab', '@@ -0,0 +1,2 @@\n+a\n+b\n'],
    ['a', 'b', '@@ -1 +1 @@\n-a\n+b\n'],
  ];
  for (const [a, b, want] of table) assert.equal(formatUnifiedDiff(lines(a), lines(b)), want, `${a} ${b}`);
});

test('formatUnifiedDiff replaces what is too much to compare', () => {
  const [a, b] = ['a', 'b'].map((letter) => Array.from({ length: 100_000 }, (_, i) => `${letter}${i}`)) as [
    string[],
    string[],
  ];
  const diff = formatUnifiedDiff(['head', ...a, 'tail'], ['head', ...b, 'tail']).split('\n');
  assert.equal(diff.length, 200_004);
  assert.deepEqual(diff.slice(0, 3), ['@@ -1,100002 +1,100002 @@', ' head', '-a0']);
});

test('formatUnifiedDiff makes one hunk of near changes and two of far ones', () => {
  const hunks = (b: string) => formatUnifiedDiff(lines('abcdefghijklmnop'), lines(b)).match(/^@@.*@@$/gm);
  assert.deepEqual(hunks('aXcdefghXjklmnop'), ['@@ -1,12 +1,12 @@']);
  assert.deepEqual(hunks('aXcdefghijklmXop'), ['@@ -1,5 +1,5 @@', '@@ -11,6 +11,6 @@']);
});
