import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatLabelSelector,
  formatLabels,
  formatSelector,
  matchesLabelSelector,
  matchesLabels,
  parseLabelSelector,
} from './labels.ts';

test('parseLabelSelector and matchesLabels agree on every operator', () => {
  const labels = { app: 'web', tier: 'front', version: '3', empty: '' };
  const table: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier = front', true],
    ['app=web,tier=back', false],
    ['app!=web', false],
    ['missing!=web', true],
    ['app in (web, api)', true],
    ['app in (api)', false],
    ['missing in (a)', false],
    ['app notin (api)', true],
    ['missing notin (api)', true],
    ['app', true],
    ['missing', false],
    ['!missing', true],
    ['!app', false],
    ['version>2', true],
    ['version<3', false],
    ['app>2', false],
    ['empty=', true],
    ['empty in ()', true],
    ['empty in (a,)', true],
    ['empty in (,a)', true],
    ['empty in (a,b)', false],
    ['app=', false],
    ['in in (in)', false],
  ];
  for (const [text, want] of table) assert.equal(matchesLabels(parseLabelSelector(text), labels), want, text);
});

test('parseLabelSelector explains what it refuses', () => {
  const table: [string, RegExp][] = [
    ['a=b,', /found '', expected: identifier after ','/],
    [',a', /found ',', expected: !, identifier, or 'end of string'/],
    ['a b', /unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt/],
    ['a in b', /found 'b' expected: '\('/],
    ['a in (b', /found '', expected: ',' or '\)'$/],
    ['a in (b c)', /found 'c', expected: ',' or '\)'$/],
    ['a in (', /found '', expected: ',', '\)' or identifier$/],
    ['a in (b,=', /found '=', expected: ',', or identifier$/],
    ['a>9223372036854775808', /the value must be an integer$/],
    ['a in (-b,-c)', /requirement: \[values\[0\]\[a\]: .*, values\[1\]\[a\]: .*\]$/],
    ['a=b c', /found 'c', expected: ',' or 'end of string'/],
    ['a>x', /values\[0\]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer/],
    ['-a=b', /<nil>: Invalid value: "-a": name part must consist of alphanumeric characters/],
    ['a=-b', /values\[0\]\[a\]: Invalid value: "-b": a valid label must be an empty string or consist of/],
  ];
  for (const [text, want] of table) assert.throws(() => parseLabelSelector(text), want, text);
});

test('a selector has one text form', () => {
  const text = 'a=b,c in (d,e),f notin (g),h,!i,j>1';
  assert.equal(formatSelector(parseLabelSelector('j>1,h,c in (e,d),a=b,!i,f notin (g)')), text);
});

test('a LabelSelector selects by labels and expressions; absent selects nothing, empty everything', () => {
  const selector = {
    matchLabels: { b: '2', a: '1' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['y', 'x'] },
      { key: 'd', operator: 'DoesNotExist' },
    ],
  };
  assert.equal(formatLabelSelector(selector), 'a=1,b=2,c in (x,y),!d');
  assert.equal(matchesLabelSelector(selector, { a: '1', b: '2', c: 'x' }), true);
  assert.equal(matchesLabelSelector(selector, { a: '1', b: '2', c: 'x', d: '' }), false);
  assert.equal(matchesLabelSelector(undefined, { a: '1' }), false);
  assert.equal(matchesLabelSelector({}, undefined), true);
});

test('formatLabels sorts, and says <none>', () => {
  assert.equal(formatLabels({ b: '2', a: '1' }), 'a=1,b=2');
  assert.equal(formatLabels(undefined), '<none>');
});
