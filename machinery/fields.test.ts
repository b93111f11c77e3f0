import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesFields, parseFieldSelector } from './fields.ts';

test('parseFieldSelector reads terms with both operators, sorted by field', () => {
  assert.deepEqual(parseFieldSelector('status.phase!=Running,metadata.name==a,,x='), [
    { field: 'metadata.name', operator: '=', value: 'a' },
    { field: 'status.phase', operator: '!=', value: 'Running' },
    { field: 'x', operator: '=', value: '' },
  ]);
  assert.deepEqual(parseFieldSelector(''), []);
});

test('parseFieldSelector refuses what it does not understand', () => {
  assert.throws(() => parseFieldSelector('a=b,c'), /^FieldSelectorError|can't understand 'c'/);
  assert.throws(() => parseFieldSelector('a=b=c'), /unescaped character in value: 61$/);
  assert.throws(() => parseFieldSelector('a=b\\n'), /invalid escape sequence: \\n/);
});

test('special characters of a value stand behind a backslash', () => {
  assert.deepEqual(parseFieldSelector('f=a\\,b\\=c\\\\d'), [{ field: 'f', operator: '=', value: 'a,b=c\\d' }]);
});

test('matchesFields needs every requirement', () => {
  const fieldOf = (field: string) => ({ a: '1', b: '2' })[field] ?? '';
  const table: [string, boolean][] = [
    ['a=1', true],
    ['a=1,b!=3', true],
    ['a=1,b=3', false],
    ['a!=1', false],
    ['c=', true],
    ['', true],
  ];
  for (const [text, want] of table) assert.equal(matchesFields(parseFieldSelector(text), fieldOf), want, text);
});
